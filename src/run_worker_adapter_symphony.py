"""Runs ``scaler_worker_adapter_symphony`` from the source tree, without installing it."""

import sys

from scaler.entry_points.worker_adapter_symphony import main
from scaler.utility.post_mortem import run_with_debugger

if __name__ == "__main__":
    sys.exit(run_with_debugger(main))
