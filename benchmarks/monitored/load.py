"""A client that submits tasks at a steady rate and forgets them.

    python -m monitored.load tcp://127.0.0.1:2345 1000

Says ``ready`` when it has begun, ends with its standard input, and then says how many tasks it has submitted a second.
"""

from __future__ import annotations

import argparse
import collections
import selectors
import sys
import time
from typing import Any, Final

from scaler import Client

_STEP_SECONDS: Final = 0.02
_MOST_HELD: Final = 10_000


def no_op(value: int) -> int:
    """Return what is given."""
    return value


def submit_steadily(address: str, rate: float) -> float:
    """Submit until the standard input ends, and return the tasks a second. What is late is made up for."""
    ended = selectors.DefaultSelector()
    ended.register(sys.stdin, selectors.EVENT_READ)
    futures: collections.deque[Any] = collections.deque()
    with Client(address) as client:
        client.submit(no_op, 0).result()
        print("ready", flush=True)
        begin, submitted = time.monotonic(), 0
        while not ended.select(_STEP_SECONDS):
            due = int((time.monotonic() - begin) * rate)
            futures.extend(client.submit(no_op, number) for number in range(submitted, due))
            submitted = due
            while futures and (futures[0].done() or len(futures) > _MOST_HELD):
                futures.popleft().result()
        seconds = time.monotonic() - begin
        for future in futures:
            future.result()
    return submitted / seconds


def main() -> None:
    """Read the command line and submit."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("address", help="of the scheduler")
    parser.add_argument("rate", type=float, help="tasks a second")
    options = parser.parse_args()
    print(f"{submit_steadily(options.address, options.rate):.0f}", flush=True)


if __name__ == "__main__":
    main()
