"""Counts what a task costs, and compares it with the budget; takes the counts as the new budget on request.

    python benchmarks/check_counts.py [--write]

Needs valgrind, strace, and the C++ tests to be built. The tests check the same (tests/benchmarks/test_counts.py).
"""

from __future__ import annotations

import argparse
import sys

from counts import budget, instructions, system_calls, traffic


def main() -> int:
    """Count, print, compare or write; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--write", action="store_true", help="rewrite the budget, after an intended change")
    options = parser.parse_args()
    for missing in filter(None, (instructions.missing(), system_calls.missing())):
        print(f"missing: {missing}", file=sys.stderr)
        return 1
    measured = {**instructions.measure(), **traffic.measure(), **system_calls.measure()}
    entries = budget.load()
    for name, count in sorted(measured.items()):
        print(f"{name:40}{count:>10.1f}   budget {entries[name].value if name in entries else float('nan'):>8.1f}")
    if options.write:
        budget.rewrite(measured)
        return 0
    complaints = budget.complaints(entries, measured, ("",))
    print(*complaints, sep="\n")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
