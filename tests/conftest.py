"""Settings that every test shares."""

import os
import sys
from pathlib import Path

# Children import the package from where the tests do, and test modules by name from where they lie.
_source = Path(__file__).resolve().parent.parent / "src"
if str(_source) in sys.path:
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(_source), os.environ.get("PYTHONPATH")]))
