"""Makes thumbnails of all images in a folder, one task an image. The bytes travel, so the folder is needed here only.

Needs Pillow. Starts a local cluster of its own. Without arguments it takes the images that are shipped with it, and
writes into a temporary folder.

Usage: python examples/applications/pillow.py [folder with images] [folder for thumbnails]
"""

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image, ImageOps

from scaler import Client, SchedulerClusterCombo

SIZE = (64, 64)
KINDS = {".jpg", ".jpeg", ".png"}


def make_thumbnail(content: bytes) -> bytes:
    """Return the image, upright and small enough, as a JPEG. This runs on a worker."""
    with Image.open(io.BytesIO(content)) as image:
        thumbnail = ImageOps.exif_transpose(image).convert("RGB")
        thumbnail.thumbnail(SIZE)
        written = io.BytesIO()
        thumbnail.save(written, "JPEG", quality=85)
        return written.getvalue()


def run(source: Path, target: Path) -> None:
    paths = sorted(path for path in source.iterdir() if path.suffix.lower() in KINDS)
    with (
        SchedulerClusterCombo(n_workers=2, logging_level="WARNING") as cluster,
        Client(address=cluster.get_address()) as client,
    ):
        futures = {path: client.submit(make_thumbnail, path.read_bytes()) for path in paths}
        for path, future in futures.items():
            thumbnail = target / f"{path.stem}.jpg"
            thumbnail.write_bytes(future.result())
            with Image.open(path) as before, Image.open(thumbnail) as after:
                print(f"{path.name}: {before.width} x {before.height} to {after.width} x {after.height}")
    print(f"{len(paths)} thumbnails")


shipped = Path(__file__).parent / "data" / "images"
if len(sys.argv) > 2:
    Path(sys.argv[2]).mkdir(parents=True, exist_ok=True)
    run(Path(sys.argv[1]), Path(sys.argv[2]))
else:
    with tempfile.TemporaryDirectory() as folder:
        run(Path(sys.argv[1]) if len(sys.argv) > 1 else shipped, Path(folder))
