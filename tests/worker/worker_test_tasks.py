"""Functions that the tests run on real workers."""

from __future__ import annotations

import contextvars
import ctypes
import gc
import logging
import os
import subprocess
import sys
import threading
import time

from scaler.worker.agent.processor.processor import Processor

preloaded = None


def add(a, b):
    return a + b


def sleep(seconds):
    time.sleep(seconds)
    return os.getpid()


def exit_at_once(code):
    os._exit(code)


def segfault():
    ctypes.string_at(0)


def exit_by_exception():
    sys.exit(3)


def make_bytes(count):
    return bytes(count)


def hold_marker_open(path, seconds):
    """Write the pids of this process and of a child, then wait."""
    with subprocess.Popen([sys.executable, "-c", f"import time; time.sleep({seconds})"]) as child:
        with open(path + ".new", "w") as marker:
            marker.write(f"{os.getpid()} {child.pid}")
        os.rename(path + ".new", path)
        time.sleep(seconds)


def current_processors():
    """Return what a task and its threads are told of their processor."""
    seen = []
    thread = threading.Thread(target=lambda: seen.append(Processor.get_current_processor()))
    thread.start()
    thread.join()
    clean = contextvars.Context().run(Processor.get_current_processor)
    processors = [Processor.get_current_processor(), seen[0], clean]
    first = processors[0]
    assert first is not None
    return [each is first for each in processors], first.current_task().task_id, first.scheduler_address


def modules_loaded():
    return sorted(sys.modules)


def environment():
    """Return (process group, session, runs in the main thread, is interrupted by SIGINT)."""
    import signal

    os.kill(os.getpid(), signal.SIGINT)
    return os.getpgid(0) == os.getpid(), threading.current_thread() is threading.main_thread()


def preload_hook(value):
    global preloaded
    preloaded = value


def preload_failure():
    raise ValueError("this hook always fails")


def get_preloaded():
    return preloaded


def print_in_every_way():
    """Print as Python, as a subprocess and as native code, which ends without the end of its line."""
    print("python")
    subprocess.run(["/bin/echo", "subprocess"], check=True)
    ctypes.CDLL(None).printf(b"native")


def append_and_count(items):
    items.append(0)
    return len(items)


def wait_until_fetched_ahead(size_bytes, _own=b"", seconds=20):
    """Return whether the processor has fetched so much for the tasks behind this one."""
    from scaler.worker.agent.processor.prefetcher import Prefetcher

    prefetcher = next(each for each in gc.get_objects() if isinstance(each, Prefetcher))
    deadline = time.monotonic() + seconds
    while prefetcher.held_bytes < size_bytes and time.monotonic() < deadline:
        time.sleep(0.01)
    return prefetcher.held_bytes >= size_bytes


class Marked:
    """Makes a file when it is dropped, in another process than where it was made."""

    def __init__(self, path):
        self.path = path
        self.maker = os.getpid()

    def __del__(self):
        if os.getpid() != self.maker:
            with open(self.path, "w"):
                pass


def pid_with(_marked):
    return os.getpid()


def log(text):
    logging.getLogger().warning(text)
