#!/usr/bin/env python3
"""Checks the files of a release, and writes what is attached to it: bills of materials and checksums.

    scripts/release_files.py TAG FOLDER TARGET

TAG is v and the version, as in v1.2.3. FOLDER holds the wheels and the source distribution, and nothing else. TARGET is
made; each wheel's bills of materials go there, named after the wheel, and SHA256SUMS of all files of FOLDER.
"""

from __future__ import annotations

import hashlib
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NAME = "opengris_scaler"


def main(tag: str, folder: Path, target: Path) -> None:
    """Check, then write."""
    version = (ROOT / "src" / "scaler" / "version.txt").read_text().strip()
    if tag != f"v{version}":
        raise SystemExit(f"the tag is {tag!r}, but src/scaler/version.txt says {version!r}: expected 'v{version}'")
    files = sorted(folder.iterdir())
    check(files, version)
    target.mkdir(parents=True, exist_ok=True)
    for wheel in files:
        if wheel.suffix == ".whl":
            extract_bills(wheel, target)
    sums = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}" for file in files]
    (target / "SHA256SUMS").write_text("\n".join(sums) + "\n")


def check(files: list[Path], version: str) -> None:
    """End the program when these are not the files of one release: wheels, and one source distribution."""
    source = f"{NAME}-{version}.tar.gz"
    wrong = [
        file.name
        for file in files
        if file.name != source and not (file.name.startswith(f"{NAME}-{version}-") and file.suffix == ".whl")
    ]
    if wrong:
        raise SystemExit(f"not of release {version}: {', '.join(wrong)}")
    if source not in {file.name for file in files}:
        raise SystemExit(f"the source distribution {source} is missing")
    if len(files) < 2:
        raise SystemExit(f"there is no wheel beside {source}")


def extract_bills(wheel: Path, target: Path) -> None:
    """Copy the bills of materials of a wheel to ``target``; end the program when it has none."""
    with zipfile.ZipFile(wheel) as archive:
        bills = [name for name in archive.namelist() if ".dist-info/sboms/" in name and not name.endswith("/")]
        if not bills:
            raise SystemExit(f"{wheel.name} has no bill of materials")
        for bill in bills:
            (target / f"{wheel.stem}.{Path(bill).name}").write_bytes(archive.read(bill))


if __name__ == "__main__":
    if len(sys.argv) != 4:
        raise SystemExit("usage: release_files.py TAG FOLDER TARGET")
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
