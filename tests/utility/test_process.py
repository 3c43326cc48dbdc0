"""Children start from anywhere, report how they ended, and never outlive their parent."""

import gc
import os
import select
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from scaler.utility.interpreter import BOOTSTRAP, Interpreter
from scaler.utility.process import ChildProcess

DEADLINE_SECONDS = 20.0


class WritingChild(ChildProcess):
    """Writes a text into a descriptor, then ends in a chosen way."""

    def __init__(self, descriptor: int, text: str, ending: str = "return") -> None:
        super().__init__("Writing")
        self.descriptor = descriptor
        self.text = text
        self.ending = ending

    def run(self) -> None:
        os.write(self.descriptor, self.text.encode())
        if self.ending == "exit":
            sys.exit(7)
        if self.ending == "raise":
            raise RuntimeError("on purpose")
        if self.ending == "kill":
            os.kill(os.getpid(), signal.SIGKILL)


class SleepingChild(ChildProcess):
    def __init__(self) -> None:
        super().__init__("Sleeping")

    def run(self) -> None:
        time.sleep(600)


def wait_until(condition, seconds=DEADLINE_SECONDS):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not become true in time"
        time.sleep(0.01)


def is_running(pid: int) -> bool:
    """Return whether a process of that id exists and is not a zombie."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rsplit(")", 1)[1].split()[0] not in "ZX"


def run_and_read(child_text="hello", ending="return"):
    read_end, write_end = os.pipe()
    child = WritingChild(write_end, child_text, ending)
    child.start(pass_fds=(write_end,))
    os.close(write_end)
    with open(read_end, "rb") as stream:
        written = stream.read().decode()
    child.join(DEADLINE_SECONDS)
    code = child.exitcode
    child.close()
    return written, code


@pytest.mark.parametrize(
    ("ending", "code"), [("return", 0), ("exit", 7), ("raise", 1), ("kill", -signal.SIGKILL)], ids=str
)
def test_reports_how_it_ended(ending, code):
    assert run_and_read(ending=ending) == ("hello", code)


def test_state_larger_than_a_pipe_arrives_whole():
    text = "x" * 1_000_000
    assert run_and_read(text) == (text, 0)


def test_starts_from_any_thread_and_outlives_it():
    child = SleepingChild()
    thread = threading.Thread(target=child.start)
    thread.start()
    thread.join()
    time.sleep(0.3)  # a parent-death signal tied to the thread would have arrived by now
    assert child.is_alive()
    child.close()


def test_properties_over_a_life():
    child = SleepingChild()
    assert (child.pid, child.exitcode, child.is_alive()) == (None, None, False)
    with pytest.raises(ValueError, match="not started"):
        child.join()
    with pytest.raises(ValueError, match="not started"):
        _ = child.sentinel
    child.terminate()  # harmless before the start
    child.start()
    with pytest.raises(ValueError, match="already started"):
        child.start()
    child.join(0.05)
    assert child.is_alive() and child.exitcode is None and child.pid is not None
    child.terminate()
    child.join()
    assert child.exitcode == -signal.SIGTERM
    child.terminate()  # harmless after the end
    child.close()
    child.close()
    assert child.exitcode == -signal.SIGTERM


def test_sentinel_tells_the_end():
    child = SleepingChild()
    child.start()
    poller = select.poll()
    poller.register(child.sentinel, select.POLLIN)
    assert poller.poll(0) == []
    child.kill()
    assert poller.poll(DEADLINE_SECONDS * 1000) != []
    child.join(0)
    assert child.exitcode == -signal.SIGKILL
    child.close()


def test_runs_in_a_session_of_its_own():
    child = SleepingChild()
    child.start()
    assert child.pid is not None
    assert os.getsid(child.pid) == child.pid
    child.close()


def test_dropped_child_keeps_running_and_is_reaped_by_the_next_start():
    child = SleepingChild()
    child.start()
    pid = child.pid
    del child
    gc.collect()
    assert is_running(pid)
    end = os.pidfd_open(pid)
    os.kill(pid, signal.SIGKILL)
    # All threads have ended: before that, the process shows as a zombie but cannot be reaped.
    select.select([end], [], [], DEADLINE_SECONDS)
    os.close(end)
    run_and_read()
    assert not Path(f"/proc/{pid}").exists()


def test_leaves_no_descriptor():
    run_and_read()
    gc.collect()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        run_and_read()
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) == before


PREPARED = """
import os, time
from scaler.utility.interpreter import Interpreter
from scaler.utility.process import ChildProcess

class Prepared(ChildProcess):
    preparation = "prepared_children:prepare"
    def __init__(self, address="unknown"):
        super().__init__("Prepared")
        self.address = address
    def run(self):
        print("run", self.address, self.prepared, flush=True)

def prepare(word="default"):
    print("prepared", os.getpid(), flush=True)
    return word

def end():
    os._exit(9)
"""


def start_prepared(folder: Path, script: str) -> subprocess.Popen:
    (folder / "prepared_children.py").write_text(PREPARED)
    return start_script(folder, script)


def test_an_interpreter_is_prepared_before_its_object_exists(tmp_path):
    script = """
    from prepared_children import Interpreter, Prepared
    interpreter = Interpreter("Prepared", Prepared.preparation, ("word",))
    print(input(), flush=True)
    child = Prepared("address")
    child.start(interpreter=interpreter)
    child.join()
    print(child.exitcode, child.pid == interpreter.pid)
    """
    with start_prepared(tmp_path, script) as launcher:
        assert launcher.stdout.readline().startswith("prepared ")
        output, _ = launcher.communicate("now\n", DEADLINE_SECONDS)
    assert output.splitlines() == ["now", "run address word", "0 True"]


def test_an_object_without_an_interpreter_is_prepared_too(tmp_path):
    script = """
    from prepared_children import Prepared
    child = Prepared()
    child.start()
    child.join()
    """
    with start_prepared(tmp_path, script) as launcher:
        output = launcher.stdout.read().splitlines()
    assert output[0].startswith("prepared ") and output[1:] == ["run unknown default"]


def test_an_interpreter_that_died_while_it_prepared(tmp_path):
    script = """
    from prepared_children import Interpreter, Prepared
    interpreter = Interpreter("Prepared", "prepared_children:end")
    interpreter.join()
    child = Prepared()
    child.start(interpreter=interpreter)
    child.join()
    print(child.exitcode)
    """
    with start_prepared(tmp_path, script) as launcher:
        assert launcher.stdout.read().splitlines() == ["9"]


@pytest.mark.parametrize("fork", [False, True], ids=["alone", "a forked copy lives"])
def test_a_prepared_interpreter_follows_its_parent(tmp_path, fork):
    script = f"""
    import os, time
    from prepared_children import Interpreter, Prepared
    interpreter = Interpreter("Prepared", Prepared.preparation)
    if {fork} and os.fork() == 0:
        os.close(1), os.close(2)
        time.sleep(3)
        os._exit(0)
    time.sleep(600)
    """
    with start_prepared(tmp_path, script) as launcher:
        pid = int(launcher.stdout.readline().split()[1])
        launcher.kill()
        assert launcher.stdout.read() == ""
    wait_until(lambda: not is_running(pid))


def test_a_prepared_interpreter_that_nobody_needs():
    interpreter = Interpreter("Unneeded")
    assert interpreter.is_alive() and interpreter.exitcode is None
    interpreter.close()
    interpreter.close()
    assert interpreter.exitcode == -signal.SIGKILL


CHILDREN = """
import os, signal, sys, threading, time
from scaler.utility.process import ChildProcess

class Child(ChildProcess):
    def __init__(self, kind):
        super().__init__(kind)
    def run(self):
        if self.name == "polite":
            stop = threading.Event()
            signal.signal(signal.SIGTERM, lambda *_: stop.set())
            print("ready", os.getpid(), flush=True)
            stop.wait()
            print("orderly", flush=True)
        elif self.name == "deaf":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            print("ready", os.getpid(), flush=True)
            time.sleep(600)
        elif self.name == "greedy":
            print("ready", os.getpid(), flush=True)
            sum(range(10**15))  # never lets go of the interpreter lock
        else:
            print("ready", os.getpid(), flush=True)
            time.sleep(600)
"""


def start_script(folder: Path, script: str) -> subprocess.Popen:
    (folder / "children_of_script.py").write_text(CHILDREN)
    path = folder / "script.py"
    path.write_text(textwrap.dedent(script))
    return subprocess.Popen(
        [sys.executable, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd="/",
    )


SLEEPING_LAUNCHER = """
import time
from children_of_script import Child
child = Child({kind!r})
child.start()
time.sleep(600)
"""


def read_ready_pid(launcher: subprocess.Popen) -> int:
    word, pid = launcher.stdout.readline().split()
    assert word == "ready"
    return int(pid)


@pytest.mark.parametrize(
    ("kind", "number"),
    [
        ("plain", signal.SIGKILL),
        ("polite", signal.SIGKILL),
        ("polite", signal.SIGTERM),
        ("greedy", signal.SIGKILL),
        ("deaf", signal.SIGKILL),
    ],
)
def test_follows_its_parent(tmp_path, kind, number):
    with start_script(tmp_path, SLEEPING_LAUNCHER.format(kind=kind)) as launcher:
        pid = read_ready_pid(launcher)
        time.sleep(0.2)
        launcher.send_signal(number)
        rest = launcher.stdout.read()  # ends when launcher and child have both ended
        assert rest == ("orderly\n" if kind == "polite" else "")
    wait_until(lambda: not is_running(pid))


def test_follows_its_parent_although_a_forked_copy_of_it_lives(tmp_path):
    script = """
    import os, time
    from children_of_script import Child
    child = Child("polite")
    child.start()
    if os.fork() == 0:
        os.close(1), os.close(2)
        time.sleep(3)
        os._exit(0)
    time.sleep(600)
    """
    with start_script(tmp_path, script) as launcher:
        pid = read_ready_pid(launcher)
        time.sleep(0.2)
        began = time.monotonic()
        launcher.kill()
        assert launcher.stdout.read() == "orderly\n"
        assert time.monotonic() - began < 2
    wait_until(lambda: not is_running(pid))


def test_script_without_a_guard_runs_once_and_leaves_nothing_at_its_exit(tmp_path):
    script = """
    import sys, time
    print("body", flush=True)
    from children_of_script import Child
    child = Child("polite")
    child.start()
    time.sleep(1)
    """
    with start_script(tmp_path, script) as launcher:
        output = launcher.stdout.read().split()
        assert launcher.wait() == 0
    assert output[0] == "body" and output.count("body") == 1
    assert output[-1] == "orderly"
    wait_until(lambda: not is_running(int(output[2])))


def test_child_imports_little(tmp_path):
    script = """
    import os, sys
    from scaler.utility.process import ChildProcess
    sys.path.insert(0, os.path.dirname(__file__))
    import listing
    child = listing.Listing("Listing")
    child.start()
    child.join()
    """
    (tmp_path / "listing.py").write_text(
        "import sys\nfrom scaler.utility.process import ChildProcess\n"
        "class Listing(ChildProcess):\n"
        "    def run(self):\n"
        "        print(*sys.modules, flush=True)\n"
    )
    with start_script(tmp_path, script) as launcher:
        modules = set(launcher.stdout.read().split())
    assert "scaler.utility.process" in modules
    for heavy in ("subprocess", "asyncio", "capnp", "multiprocessing", "psutil", "argparse", "ctypes"):
        assert heavy not in modules


def test_parent_that_ends_before_it_has_written_anything():
    read_end, write_end = os.pipe()
    os.close(write_end)
    child = subprocess.run(
        [sys.executable, "-c", BOOTSTRAP, str(read_end)],
        pass_fds=(read_end,),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=DEADLINE_SECONDS,
    )
    os.close(read_end)
    assert (child.returncode, child.stdout) == (0, b"")
