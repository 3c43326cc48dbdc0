"""Starts the commands as a user does in a terminal, and reads what they write."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

MODULES = {
    "scaler": "scaler.entry_points.stack",
    "scaler_scheduler": "scaler.entry_points.scheduler",
    "scaler_cluster": "scaler.entry_points.cluster",
    "scaler_object_storage_server": "scaler.entry_points.object_storage_server",
    "scaler_worker_adapter_native": "scaler.entry_points.worker_adapter_native",
    "scaler_worker_adapter_ecs": "scaler.entry_points.worker_adapter_ecs",
    "scaler_worker_adapter_symphony": "scaler.entry_points.worker_adapter_symphony",
    "scaler_ui": "scaler.entry_points.webui",
    "scaler_top": "scaler.entry_points.top",
}


class Command:
    """A running command. Its output is read all the time, so that it never waits for its reader."""

    def __init__(self, program: str, *arguments: str) -> None:
        installed = Path(sys.executable).with_name(program)
        start = [str(installed)] if installed.exists() else [sys.executable, "-m", MODULES[program]]
        self.program = program
        self.process = subprocess.Popen(
            [*start, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
        )
        self._lines: list[str] = []
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    @property
    def output(self) -> str:
        with self._changed:
            return "".join(self._lines)

    def wait_for(self, text: str, count: int = 1, seconds: float = 30.0) -> None:
        """Wait until the text has been written that often."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while "".join(self._lines).count(text) < count:
                assert self.process.poll() is None, f"{self.program} ended: {''.join(self._lines)}"
                assert self._changed.wait(deadline - time.monotonic()), f"no {text!r} in: {''.join(self._lines)}"

    def wait(self, seconds: float = 10.0) -> int:
        """Wait for the end and return the exit status."""
        code = self.process.wait(seconds)
        self._reader.join(seconds)
        return code

    def stop(self, number: signal.Signals = signal.SIGTERM, *, group: bool = False) -> int:
        """Send a signal to the command, or to all of its processes as a terminal does, and wait for the end."""
        if group:
            os.killpg(self.process.pid, number)
        else:
            self.process.send_signal(number)
        return self.wait()

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.wait()
        self.process.stdout.close()

    def __enter__(self) -> "Command":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self) -> None:
        for line in self.process.stdout:
            with self._changed:
                self._lines.append(line)
                self._changed.notify_all()


def run_script(text: str, folder: Path, seconds: float = 50.0) -> str:
    """Run a program of a user, as a file without anything around it, and return what it wrote."""
    path = folder / "program.py"
    path.write_text(text)
    done = subprocess.run(
        [sys.executable, "-W", "error", str(path)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=seconds, cwd=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert "Traceback" not in done.stdout
    return done.stdout


def written_by_program(output: str) -> list[str]:
    """Return the lines of a program's output that are not log lines of its cluster."""
    return [line for line in output.splitlines() if not re.match(r"\[[A-Z]{4}\]\d{4}-", line)]
