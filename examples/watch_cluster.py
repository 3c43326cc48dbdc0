"""Runs a job beside both viewers of a cluster, `scaler_ui` for the browser and `scaler_top` for the terminal.

It starts the web UI, which needs the extra `gui`, and says where it is. In a terminal it shows scaler_top as well,
until you press q; otherwise it prints the command for that. The argument is for how many seconds the job runs at most.
Usage: python examples/watch_cluster.py [SECONDS]
"""

import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request

from scaler import Client, SchedulerClusterCombo


def work(seconds: float) -> float:
    """Keep a processor busy for half of the time."""
    end = time.perf_counter() + seconds / 2
    while time.perf_counter() < end:
        pass
    time.sleep(seconds / 2)
    return seconds


def run_job(address: str, ended: threading.Event) -> None:
    """Submit tasks until the event is set."""
    with Client(address=address) as client:
        while not ended.is_set():
            client.map(work, [(number / 100,) for number in range(1, 11)])


def start_web_ui(monitor_address: str) -> subprocess.Popen[str]:
    """Start the web UI at a free port, say where, and look whether it answers."""
    web_ui = subprocess.Popen(
        [sys.executable, "-m", "scaler.entry_points.webui", monitor_address, "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert web_ui.stdout is not None
    for line in web_ui.stdout:
        if found := re.search(r"web UI: (http://\S+)", line):
            with urllib.request.urlopen(found[1], timeout=30) as response:
                print(f"scaler_ui: open {found[1]} in a browser; it answers with status {response.status}")
            break
    return web_ui


def show_top(monitor_address: str, seconds: float, ended: threading.Event) -> None:
    """Show scaler_top for at most some seconds where there is a terminal; otherwise say how, and let the job run."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        print(f"scaler_top: run 'scaler_top {monitor_address}' in a terminal, for the next {seconds:g} seconds")
        ended.wait(seconds)
        return
    top = subprocess.Popen([sys.executable, "-m", "scaler.entry_points.top", monitor_address])
    try:
        top.wait(seconds)
    except subprocess.TimeoutExpired:
        top.send_signal(signal.SIGTERM)
    print(f"scaler_top has ended with status {top.wait()}")


def free_address() -> str:
    """Return an address of this machine with a free port, of those that the system does not take for connections."""
    while True:
        port = random.randrange(20000, 32000)
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return f"tcp://127.0.0.1:{port}"


seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
address, monitor_address = free_address(), free_address()
with SchedulerClusterCombo(n_workers=2, address=address, monitor_address=monitor_address, logging_level="ERROR"):
    ended = threading.Event()
    job = threading.Thread(target=run_job, args=(address, ended))
    job.start()
    web_ui = start_web_ui(monitor_address)
    try:
        show_top(monitor_address, seconds, ended)
    finally:
        ended.set()
        web_ui.send_signal(signal.SIGTERM)
        web_ui.communicate()
        job.join()
    print(f"scaler_ui has ended with status {web_ui.returncode}")
