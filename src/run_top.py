"""Runs ``scaler_top`` from the source tree, without installing it."""

import sys

from scaler.entry_points.top import main

if __name__ == "__main__":
    sys.exit(main())
