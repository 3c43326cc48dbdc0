"""Shows that an installed wheel works: run it with the interpreter in which the wheel is installed.

    python scripts/smoke_test.py

Native codec and pycapnp read each other's messages in one process, two sockets exchange messages over TCP, and, where
the platform has more than the client, a local cluster runs tasks with small and large values, and each command starts.
Ends with a status other than 0 and an exception when something does not work; takes some seconds.
"""

import hashlib
import importlib.util
import subprocess
import sys
import time
from pathlib import Path

CLIENT_ONLY = sys.platform != "linux"
ROUNDS = 200
DEADLINE_SECONDS = 30.0
LARGE_BYTES = 4 << 20


def say(text: str) -> None:
    """Write a line at once, so that it stands before what an exception says."""
    sys.stdout.write(f"[smoke_test] {text}\n")
    sys.stdout.flush()


def check(condition: bool, what: str) -> None:
    """Raise when something does not hold, also under ``python -O``."""
    if not condition:
        raise RuntimeError(f"does not hold: {what}")


def check_installation() -> None:
    """The package is what its metadata say, and its compiled modules are in use where it has them."""
    from importlib.metadata import version

    import scaler
    from scaler.client import call_signature

    check(version("opengris-scaler") == scaler.__version__, "the version of the metadata is that of the package")
    compiled = importlib.util.find_spec("scaler._compiled__mypyc") is not None
    check(
        compiled == (not str(call_signature.__file__).endswith(".py")), "compiled modules are used where they are there"
    )
    say(f"scaler {scaler.__version__} in {Path(scaler.__file__).parent}, Python {'' if compiled else 'not '}compiled")


def check_both_codecs() -> None:
    """The native codec and pycapnp each have a copy of Cap'n Proto; both work on in one process."""
    from scaler.protocol import capnp as schemas
    from scaler.protocol import codec

    for number in range(ROUNDS):
        content = number.to_bytes(4, "little") * (number + 1)
        written = codec.TaskLog(task_id=content, log_type=codec.LogType.stdout, content=f"line {number}").encode()
        (message,) = schemas.message.Message.read_multiple_bytes(written)
        check(
            (message.taskLog.taskId, message.taskLog.content) == (content, f"line {number}"),
            "pycapnp reads the codec's",
        )
        fields = {"taskId": content, "logType": "stderr", "content": f"line {number}"}
        read = codec.decode(schemas.message.Message.new_message(taskLog=fields).to_bytes())
        check((read.task_id, read.content) == (content, f"line {number}"), "the codec reads pycapnp's")
        try:
            codec.decode(written[: len(written) // 2])
        except codec.CodecError:
            continue
        raise RuntimeError("half a message was accepted")
    say(f"native codec and pycapnp: {ROUNDS} messages both ways")


def check_messaging() -> None:
    """Two sockets of this process exchange messages over TCP."""
    from scaler.io.ymq.ymq import Bytes, Context, IOSocketType, Role, Socket

    context = Context()
    binder = Socket(context, b"binder", IOSocketType.Binder, role=Role.scheduler)
    connector = Socket(context, b"connector", IOSocketType.Connector, role=Role.client)
    connector.connect(binder.bind("tcp://127.0.0.1:0"))
    sent = [number.to_bytes(4, "little") * (number + 1) for number in range(ROUNDS)]
    for content in sent:
        connector.send(None, content)
    received: list[bytes | None] = []
    deadline = time.monotonic() + DEADLINE_SECONDS
    while len(received) < ROUNDS and time.monotonic() < deadline:
        batch = binder.recv_batch(max(0.0, deadline - time.monotonic()), ROUNDS)
        received += [content.data for _, content in batch if isinstance(content, Bytes)]
    check(received == sent, f"{ROUNDS} messages arrive in their order")
    for socket in (connector, binder):
        socket.close(0)
    say(f"messaging: {ROUNDS} messages over TCP")


def digest(content: bytes) -> str:
    """A task with a large argument."""
    return hashlib.sha256(content).hexdigest()


def repeat(content: bytes, times: int) -> bytes:
    """A task with a large result."""
    return content * times


def check_cluster() -> None:
    """A local cluster runs tasks; their results are right, also of those that need the object storage server."""
    from scaler import Client, SchedulerClusterCombo

    with SchedulerClusterCombo(n_workers=2) as cluster, Client(address=cluster.get_address()) as client:
        check(client.submit(pow, 2, 10).result(DEADLINE_SECONDS) == 1024, "a task returns its result")
        squares = client.map(pow, [(number, 2) for number in range(ROUNDS)])
        check(squares == [number**2 for number in range(ROUNDS)], "many tasks return their results")
        large = bytes(range(256)) * (LARGE_BYTES // 256)
        check(client.submit(digest, large).result(DEADLINE_SECONDS) == digest(large), "a large argument arrives")
        check(
            client.submit(repeat, b"ab", LARGE_BYTES).result(DEADLINE_SECONDS) == b"ab" * LARGE_BYTES, "a large result"
        )
    say("local cluster: small and large tasks")


def check_commands() -> None:
    """The commands that the wheel installs start."""
    from importlib.metadata import distribution

    commands = [entry for entry in distribution("opengris-scaler").entry_points if entry.group == "console_scripts"]
    for entry in commands:
        call = f"import sys; from {entry.module} import {entry.attr} as main; sys.exit(main())"
        finished = subprocess.run(
            [sys.executable, "-c", call, "--help"], capture_output=True, text=True, timeout=DEADLINE_SECONDS
        )
        check(finished.returncode == 0, f"{entry.name} --help: {finished.stderr[-500:]}")
    say(f"commands: {len(commands)} start")


def main() -> None:
    """Run all checks that are for this platform."""
    check_installation()
    check_both_codecs()
    check_messaging()
    if not CLIENT_ONLY:
        check_cluster()
        check_commands()
    say("everything works" + (": the client part" if CLIENT_ONLY else ""))


if __name__ == "__main__":
    main()
