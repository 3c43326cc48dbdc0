"""The commands."""

import sys

from scaler.utility.supported_system import cluster_refusal

if (_refusal := cluster_refusal()) is not None:
    sys.exit(f"error: {_refusal}")
