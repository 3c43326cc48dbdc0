"""Translates Python modules of the package to C with mypyc, and says in CMake's language what there is to build.

    python compile_python.py SOURCE_DIR OUTPUT_DIR MODULE...

OUTPUT_DIR/modules.cmake then calls ``scaler_compiled_library`` once, and ``scaler_compiled_module`` for each module.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

try:
    import setuptools  # noqa: F401  # mypyc needs it and does not ask for it
    from mypyc.build import include_dir, mypycify
except ImportError:
    sys.exit(f"mypyc or setuptools is missing in {sys.executable}: pip install mypy setuptools")

GROUP = "scaler._compiled"


def main(source_dir: Path, output_dir: Path, modules: list[str]) -> None:
    """Translate, and write what CMake reads."""
    paths = [str(source_dir / module.replace(".", "/")) + ".py" for module in modules]
    os.environ["MYPYPATH"] = str(source_dir)
    output_dir.mkdir(parents=True, exist_ok=True)
    os.chdir(output_dir)  # mypy's cache, too, belongs there
    options = ["--ignore-missing-imports", "--follow-imports=silent", "--no-error-summary"]
    library, *shims = mypycify([*options, *paths], group_name=GROUP, target_dir=str(output_dir / "c"), multi_file=True)
    lines = [f'scaler_compiled_library({library.name} "{include_dir()}" {_sources(library)})']
    lines += [f"scaler_compiled_module({shim.name} {_sources(shim)})" for shim in shims]
    (output_dir / "modules.cmake").write_text("\n".join(lines) + "\n")


def _sources(extension: object) -> str:
    return " ".join(f'"{Path(source).resolve()}"' for source in extension.sources)  # type: ignore[attr-defined]


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve(), sys.argv[3:])
