"""For the launchers of a source tree: an error that nothing expected opens the debugger where it was raised."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable

_FAILURE_EXIT_CODE = 1


def run_with_debugger(main: Callable[[], int]) -> int:
    """Run the main function of a command and return its exit status, 1 after an error; it debugs on a terminal only."""
    try:
        return main()
    except Exception:  # the outermost function of the process
        traceback.print_exc()
        if sys.stdin is not None and sys.stdin.isatty():
            import pdb

            pdb.post_mortem()
        return _FAILURE_EXIT_CODE
