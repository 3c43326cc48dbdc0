"""The name of a function that cannot be loaded."""

from __future__ import annotations

import io
import pickle
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import Buffer

_MACHINERY = ("cloudpickle.", "scaler.")


def pickled_name(payload: Buffer) -> str:
    """Return the name of the function, or the class, that a payload begins with; it is empty when there is none."""
    finder = _NameFinder(io.BytesIO(bytes(payload)))
    try:
        finder.load()
    except Exception:  # it has found a name, the pickle is of another version of Python, or no pickle at all
        return finder.name
    return ""


class _FoundError(Exception):
    """There is a name, so that nothing more has to be loaded."""


class _NameFinder(pickle.Unpickler):
    """Stops before any code of users runs: at the first name, or when a function is about to be made."""

    name = ""

    def find_class(self, module: str, name: str) -> Any:
        if not module.startswith(_MACHINERY):
            self.name = f"{module}.{name}"
            raise _FoundError
        return self._note_code if name == "_make_function" else super().find_class(module, name)

    def _note_code(self, code: Any, *_: object) -> None:
        self.name = f"{code.co_name}()"
        raise _FoundError
