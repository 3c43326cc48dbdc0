"""What a payload is made of stays as it is while it is copied, whatever other threads do to the caller's list."""

from __future__ import annotations

import os
import sys
import threading

from scaler.io.ymq import _ymq

SMALL_PARTS = 50
PART_BYTES = 400
LARGE_BYTES = 128 << 20  # takes a while to write, without the GIL


def test_a_list_may_be_cleared_while_its_parts_are_written() -> None:
    parts = [bytearray(LARGE_BYTES), *(bytes([number]) * PART_BYTES for number in range(SMALL_PARTS))]
    expected = b"".join(parts[1:])
    is_called = threading.Event()
    others: list[bytes] = []

    def clear() -> None:
        is_called.wait()
        parts.clear()
        others.extend(b"%c" % 255 * PART_BYTES for _ in range(4 * SMALL_PARTS))

    thread = threading.Thread(target=clear)
    thread.start()
    interval = sys.getswitchinterval()
    sys.setswitchinterval(100)  # the other thread runs when the GIL is released, not before
    try:
        is_called.set()
        descriptor = _ymq.write_memory_file(parts)
    finally:
        sys.setswitchinterval(interval)
    thread.join()
    try:
        assert os.pread(descriptor, len(expected), LARGE_BYTES) == expected
    finally:
        os.close(descriptor)
