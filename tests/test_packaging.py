"""What every extension module of the package keeps to: where it lies, what it links, exports and declares."""

from __future__ import annotations

import ast
import importlib
import re
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import pytest

import scaler

PACKAGE = Path(scaler.__file__).parent
SUFFIXES = (str(sysconfig.get_config_var("EXT_SUFFIX")), ".abi3.so")
MODULES = sorted(PACKAGE.rglob("*.so"))
NATIVE = {
    "scaler.io.ymq._ymq",
    "scaler.object_storage.object_storage_server",
    "scaler.protocol._codec",
    "scaler.worker.agent._relay",
    "scaler.worker.agent._task_gate",
}
COMPILED_LIST = Path(__file__).parents[1] / "cmake" / "CompiledPython.cmake"
COMPILED = {"scaler._compiled__mypyc", *re.findall(r"^    (scaler[\w.]+)$", COMPILED_LIST.read_text(), re.MULTILINE)}


def _name_of(path: Path) -> str:
    return ".".join((PACKAGE.name, *path.relative_to(PACKAGE).with_name(path.name.split(".")[0]).parts))


every_module = pytest.mark.parametrize("path", MODULES, ids=_name_of)
every_native_module = pytest.mark.parametrize(
    "path", [path for path in MODULES if _name_of(path) in NATIVE], ids=_name_of
)


def _output_of(*command: str) -> str:
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is missing: install the package 'binutils'")
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout


def _is_public(name: str) -> bool:
    return not name.startswith("_")


def _declared_in(body: list[ast.stmt]) -> dict[str, ast.stmt]:
    """Return the public names that a stub declares, each with its declaration."""
    declared: dict[str, ast.stmt] = {}
    for statement in body:
        match statement:
            case ast.ClassDef() | ast.FunctionDef():
                declared[statement.name] = statement
            case ast.AnnAssign(target=ast.Name(id=name)):
                declared[name] = statement
            case ast.Assign(targets=[ast.Name(id=name)]):
                declared[name] = statement
            case ast.If():  # of sys.version_info or sys.platform
                declared.update(_declared_in(statement.body + statement.orelse))
            case _:
                continue
    return {name: statement for name, statement in declared.items() if _is_public(name)}


def _is_alias(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.AnnAssign) and ast.unparse(statement.annotation) == "TypeAlias"


def _public_names(owner: Any) -> set[str]:
    """Return the public names that a module or class defines itself; what enums and ints bring along is not theirs."""
    return {name for name in vars(owner) if _is_public(name)}


def test_all_extension_modules_are_there() -> None:
    names = {_name_of(path) for path in MODULES}
    assert names >= NATIVE
    # In a source tree, and in a wheel for the stable ABI, the other modules run as they are written.
    runs_uncompiled = PACKAGE.parent.name == "src" or all(path.name.endswith(".abi3.so") for path in MODULES)
    assert names - NATIVE == COMPILED or (runs_uncompiled and names == NATIVE)


def test_compiled_modules_have_their_source_beside_them() -> None:
    """Tracebacks show it, and without it the same package works uncompiled."""
    shims = COMPILED - {"scaler._compiled__mypyc"}
    assert shims
    assert [name for name in shims if not (PACKAGE.parent / f"{name.replace('.', '/')}.py").is_file()] == []


def test_the_package_is_typed() -> None:
    assert (PACKAGE / "py.typed").is_file()


@pytest.mark.parametrize("name", ["introduction.md", "worker.md", "capnp/message.capnp"])
def test_the_protocol_is_described_inside_the_package(name: str) -> None:
    assert (PACKAGE / "protocol" / name).is_file()


@every_module
def test_names_carry_the_abi(path: Path) -> None:
    assert f".{path.name.partition('.')[2]}" in SUFFIXES


@every_native_module  # what compiled modules say of their own file depends on who imported them
def test_modules_are_loaded_from_the_package(path: Path) -> None:
    module = importlib.import_module(_name_of(path))
    assert module.__file__ is not None and Path(module.__file__).resolve() == path.resolve()


@every_module
def test_cap_n_proto_is_linked_statically(path: Path) -> None:
    needed = [line for line in _output_of("readelf", "-d", str(path)).splitlines() if "(NEEDED)" in line]
    assert needed or _name_of(path) in COMPILED  # a shim needs nothing
    assert not [line for line in needed if "capnp" in line or "libkj" in line]


@every_module
def test_nothing_is_shared_with_other_copies_of_a_library(path: Path) -> None:
    exported = [line.split() for line in _output_of("nm", "-D", "--defined-only", str(path)).splitlines()]
    assert any(name == f"PyInit_{path.name.split('.')[0]}" for *_, name in exported)
    # Of a unique symbol the whole process has one object, whichever copy of a library made it. The standard library's
    # are excepted: there is one copy of it.
    unique = [name for _, kind, name in exported if kind == "u"]
    assert not [name for name in unique if not re.match(r"_Z(GV)?Z*N?K?St", name)]
    assert not [name for *_, name in exported if "capnp" in name or "2kj" in name]


@every_module
def test_no_path_of_the_building_machine_is_searched(path: Path) -> None:
    dynamic = _output_of("readelf", "-d", str(path))
    assert "RPATH" not in dynamic and "RUNPATH" not in dynamic


@every_native_module
def test_stubs_declare_what_modules_define(path: Path) -> None:
    stub = path.with_name(path.name.split(".")[0] + ".pyi")
    assert stub.is_file(), f"{stub.name} is missing"
    declared = _declared_in(ast.parse(stub.read_text()).body)
    module = importlib.import_module(_name_of(path))
    # Aliases are names for signatures; a module need not have them.
    needed = {name for name, statement in declared.items() if not _is_alias(statement)}
    assert needed <= _public_names(module) <= set(declared)
    for name, statement in declared.items():
        if isinstance(statement, ast.ClassDef):
            members = set(_declared_in(statement.body))
            assert members == _public_names(getattr(module, name)), f"members of {name}"
