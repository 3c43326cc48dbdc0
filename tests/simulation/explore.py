"""Simulates seeds beyond those of the tests, or one again: ``python explore.py flat|nested FIRST [COUNT] [--story]``.

Prints the story of each seed that breaks an invariant, and how to replay it. Exit code 0 says that none did.
"""

from __future__ import annotations

import argparse
import sys
import time

from scenario import SCENARIOS
from world import Violation


def is_well(scenario: str, seed: int, *, tells: bool) -> bool:
    """Return whether every invariant holds in a run, and print what breaks one, or everything if asked to."""
    try:
        world = SCENARIOS[scenario](seed)
    except Violation as violation:
        print(f"{violation}\nreplay: python {sys.argv[0]} {scenario} {seed}\n", flush=True)
        return False
    if tells:
        print("\n".join(world.story))
    return True


def main() -> int:
    """Run the seeds, and return 1 when an invariant broke."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenario", choices=SCENARIOS)
    parser.add_argument("first", type=int, help="the first seed")
    parser.add_argument("count", type=int, nargs="?", default=1, help="how many seeds (default: %(default)s)")
    parser.add_argument("--story", action="store_true", help="print what happened also when all is well")
    options = parser.parse_args()
    began, broken = time.monotonic(), 0
    for seed in range(options.first, options.first + options.count):
        broken += not is_well(options.scenario, seed, tells=options.story)
    seconds = time.monotonic() - began
    print(f"{options.count} seeds of {options.scenario}, {broken} broken, {1000 * seconds / options.count:.0f} ms each")
    return int(broken > 0)


if __name__ == "__main__":
    sys.exit(main())
