"""Writes a bill of materials: the code of others that is compiled into the package, in CycloneDX's JSON.

    python bill_of_materials.py --version V --boost DIR --capnp DIR --compiler ID V [--compiled-python] FILE

Versions are those of the headers that are compiled, and of the packages of this interpreter. Equal builds write equal
files, so there is neither a time nor a serial number.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import re
import sys
from pathlib import Path
from typing import Any

SPECIFICATION = "1.6"
PRODUCT = "opengris-scaler"


def main(arguments: list[str] | None = None) -> None:
    """Write the file that the arguments name."""
    parser = argparse.ArgumentParser(description="Write the bill of materials of a build.")
    parser.add_argument("--version", required=True, help="of the package")
    parser.add_argument("--boost", required=True, type=Path, help="include folder of Boost")
    parser.add_argument("--capnp", required=True, type=Path, help="include folder of Cap'n Proto")
    parser.add_argument("--compiler", required=True, nargs=2, metavar=("ID", "VERSION"), help="as CMake names it")
    parser.add_argument("--compiled-python", action="store_true", help="modules are compiled with mypyc")
    parser.add_argument("file", type=Path)
    given = parser.parse_args(arguments)
    components = [_capnp(given.capnp), _boost(given.boost), *_nanobind()]
    if given.compiled_python:
        components.append(_mypyc())
    if given.compiler[0] == "GNU":
        components.append(_libstdcxx(given.compiler[1]))
    given.file.write_text(json.dumps(_bill(given.version, components), indent=2) + "\n")


def _bill(version: str, components: list[dict[str, Any]]) -> dict[str, Any]:
    product = _component(PRODUCT, version, "Apache-2.0", f"pkg:pypi/{PRODUCT}@{version}", "what this file describes")
    return {
        "$schema": f"http://cyclonedx.org/schema/bom-{SPECIFICATION}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": SPECIFICATION,
        "version": 1,
        "metadata": {"component": product},
        "components": components,
        "dependencies": [
            {"ref": PRODUCT, "dependsOn": [each["bom-ref"] for each in components if each["bom-ref"] != "robin-map"]},
            {"ref": "nanobind", "dependsOn": ["robin-map"]},
        ],
    }


def _component(name: str, version: str, license_expression: str, address: str, description: str) -> dict[str, Any]:
    return {
        "type": "library",
        "bom-ref": name,
        "name": name,
        "version": version,
        "description": description,
        "licenses": [{"expression": license_expression}],
        "purl": address,
    }


def _capnp(folder: Path) -> dict[str, Any]:
    header = folder / "capnp" / "common.h"
    version = ".".join(_defined(header, f"CAPNP_VERSION_{part}") for part in ("MAJOR", "MINOR", "MICRO"))
    address = f"pkg:github/capnproto/capnproto@v{version}"
    return _component("capnproto", version, "MIT", address, "Cap'n Proto and KJ, linked statically")


def _boost(folder: Path) -> dict[str, Any]:
    number = int(_defined(folder / "boost" / "version.hpp", "BOOST_VERSION"))
    version = f"{number // 100000}.{number // 100 % 1000}.{number % 100}"
    address = f"pkg:github/boostorg/boost@boost-{version}"
    return _component("boost", version, "BSL-1.0", address, "headers of Boost.Asio and what they use")


def _nanobind() -> list[dict[str, Any]]:
    import nanobind  # not at the top: only those who describe a build of their own need it

    version = importlib.metadata.version("nanobind")
    header = Path(nanobind.__file__).parent / "ext" / "robin_map" / "include" / "tsl" / "robin_growth_policy.h"
    map_version = ".".join(_defined(header, f"TSL_RH_VERSION_{part}") for part in ("MAJOR", "MINOR", "PATCH"))
    map_address = f"pkg:github/Tessil/robin-map@v{map_version}"
    return [
        _component("nanobind", version, "BSD-3-Clause", f"pkg:pypi/nanobind@{version}", "linked statically"),
        _component("robin-map", map_version, "MIT", map_address, "headers that nanobind brings along"),
    ]


def _mypyc() -> dict[str, Any]:
    version = importlib.metadata.version("mypy")
    address = f"pkg:pypi/mypy@{version}"
    return _component("mypyc", version, "MIT AND PSF-2.0", address, "runtime library of compiled Python modules")


def _libstdcxx(version: str) -> dict[str, Any]:
    expression = "GPL-3.0-or-later WITH GCC-exception-3.1"
    address = f"pkg:generic/libstdc%2B%2B@{version}"
    return _component(
        "libstdc++", version, expression, address, "templates of its headers; the library is the system's"
    )


def _defined(header: Path, name: str) -> str:
    """Return the value of a macro that a header defines."""
    try:
        text = header.read_text(errors="replace")
    except OSError as error:
        sys.exit(f"cannot read {header}: {error.strerror}")
    found = re.search(rf"^\s*#\s*define\s+{name}\s+(\S+)", text, re.MULTILINE)
    if found is None:
        sys.exit(f"{header} does not define {name}")
    return found[1]


if __name__ == "__main__":
    main()
