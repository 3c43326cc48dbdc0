"""The schemas ``common``, ``status``, ``message`` and ``object_storage``, loaded through pycapnp when first used."""

from typing import Any, Final

_SCHEMAS: Final = ("common", "message", "object_storage", "status")


def __getattr__(name: str) -> Any:
    if name not in _SCHEMAS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from scaler.protocol.capnp import _python

    return globals().setdefault(name, getattr(_python, name))


def __dir__() -> list[str]:
    return sorted({*globals(), *_SCHEMAS})
