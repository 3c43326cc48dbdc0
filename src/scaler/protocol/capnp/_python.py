"""The schemas as pycapnp modules. Loading them costs tens of milliseconds: only processes that need them do it."""

from pathlib import Path
from typing import Any, Final

import capnp

_FOLDER: Final = Path(__file__).parent
# Where "/capnp/c++.capnp" is found: pycapnp ships it, and ends the process when an import cannot be found.
_IMPORTS: Final = [str(Path(capnp.__file__).parent.parent)]

common: Final[Any] = capnp.load(str(_FOLDER / "common.capnp"), imports=_IMPORTS)
status: Final[Any] = capnp.load(str(_FOLDER / "status.capnp"), imports=_IMPORTS)
message: Final[Any] = capnp.load(str(_FOLDER / "message.capnp"), imports=_IMPORTS)
object_storage: Final[Any] = capnp.load(str(_FOLDER / "object_storage.capnp"), imports=_IMPORTS)
