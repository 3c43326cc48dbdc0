"""Starts and stops a worker over HTTP, as the scheduler does when it scales: the webhook of a worker adapter.

A program of your own may do so too, for instance to have workers ready before the first task comes. Starts a scheduler
without workers, and the adapter for this machine, which obeys only who has its token.
Usage: python examples/adapter_webhook.py
"""

import json
import os
import re
import secrets
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from typing import Any

from scaler import Client, SchedulerClusterCombo


def ask(url: str, token: str, action: str, **fields: str) -> dict[str, Any]:
    """Send a request to a webhook and return its answer."""
    request = urllib.request.Request(
        url,
        data=json.dumps({"action": action, **fields}).encode(),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        answer: dict[str, Any] = json.load(response)
        return answer


def start_adapter(scheduler_address: str, token: str) -> tuple[subprocess.Popen[str], str]:
    """Start the adapter at a free port, and return it with its URL, which it writes into its log."""
    command = [sys.executable, "-m", "scaler.entry_points.worker_adapter_native", scheduler_address]
    adapter = subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--port", "0", "--max-workers", "2"],
        env={**os.environ, "SCALER_ADAPTER_TOKEN": token},  # others can read a command line, but not the environment
        stdout=subprocess.PIPE,
        text=True,
    )
    assert adapter.stdout is not None
    for line in adapter.stdout:
        if found := re.search(r"listen to (http://\S+)", line):
            return adapter, found[1]
    raise RuntimeError(f"the adapter has ended with status {adapter.wait()}")


token = secrets.token_urlsafe()
with SchedulerClusterCombo(n_workers=0, logging_level="ERROR") as cluster:
    adapter, url = start_adapter(cluster.get_address(), token)
    try:
        info = ask(url, token, "get_worker_adapter_info")
        print(f"at most {info['max_worker_groups']} groups of {info['workers_per_group']} worker")
        try:
            ask(url, "a guess", "start_worker_group")
        except urllib.error.HTTPError as error:
            with error:
                print(f"without the token: {error.code} {json.load(error)['error']}")

        group = ask(url, token, "start_worker_group")
        print(f"started: {group['worker_ids'][0]}")
        with Client(address=cluster.get_address()) as client:
            print(f"its first task: {client.submit(pow, 2, 10).result()}")
        print(ask(url, token, "shutdown_worker_group", worker_group_id=group["worker_group_id"])["status"])
        print(f"groups now: {len(ask(url, token, 'get_worker_adapter_info')['worker_groups'])}")
    finally:
        adapter.send_signal(signal.SIGTERM)
        adapter.communicate()
