"""The web UI beside a working cluster: in a real browser every tab shows what happens there."""

from __future__ import annotations

import dataclasses
import http.client
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from browser_screen import Screen, address_of, open_browser
from commands import Command
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from watched_tasks import MEGABYTES, add, fail_at_once, hold_memory, sleep_for, wait_for_file
from webui_nested import check_nested_tasks

from scaler import Client, Cluster, SchedulerClusterCombo
from scaler.config.types.worker import WorkerCapabilities, WorkerNames
from scaler.scheduler.allocate_policy.allocate_policy import AllocatePolicy
from scaler.ui import colors

WORKER_COLUMNS = [
    "Worker",
    "Agt CPU %",
    "Agt RSS (in MB)",
    "Processors CPU %",
    "Processors RSS (in MB)",
    "Queue Capacity",
    "Tasks Sent",
    "Tasks Queued",
    "Tasks Suspended",
    "Lag",
    "ITL",
    "Last Seen",
    "Capabilities",
    "Draining",
]


@contextmanager
def one_more_worker(combo: SchedulerClusterCombo, capabilities: dict[str, int]) -> Iterator[Cluster]:
    """Run another worker for a cluster."""
    cluster = Cluster.from_config(
        dataclasses.replace(
            combo._cluster._config,
            object_storage_address=None,
            num_of_workers=1,
            worker_names=WorkerNames(["another"]),
            per_worker_capabilities=WorkerCapabilities(capabilities),
        )
    )
    cluster.start()
    try:
        yield cluster
    finally:
        cluster.terminate()
        cluster.join()
        cluster.close()


@pytest.mark.timeout(400)
def test_every_tab_shows_what_happens(chosen_port: int, leftovers: Any, tmp_path: Path) -> None:
    monitor_address = f"tcp://127.0.0.1:{chosen_port + 2}"
    with (
        Command("scaler_ui", monitor_address, "--web-port", "0") as command,
        open_browser("--host-resolver-rules=MAP evil.example 127.0.0.1") as driver,
    ):
        screen = Screen(driver, address_of(command))
        driver.get(screen.url)
        screen.wait(lambda: screen.text("connection") == f"waiting for the scheduler's monitor at {monitor_address}")
        with SchedulerClusterCombo(
            n_workers=1,
            address=f"tcp://127.0.0.1:{chosen_port}",
            heartbeat_interval_seconds=0.5,
            load_balance_seconds=0.2,
            allocate_policy=AllocatePolicy.capability,
            logging_level="CRITICAL",
        ) as combo:
            screen.wait(lambda: screen.text("connection") == f"connected to {monitor_address}")
            with Client(combo.get_address()) as client:
                _check_first_worker(screen)
                _check_task_log(screen, client)
                _check_memory_and_processors(screen, client)
                _check_graphs_and_clients(screen, client)
                _check_waiting_and_new_workers(screen, client, combo, tmp_path / "end")
                check_nested_tasks(screen, client, tmp_path / "nested")
            _check_settings(screen)
        _check_that_nothing_comes_from_elsewhere(screen)
        _check_foreign_names(screen)
        assert command.stop(signal.SIGTERM) == 0, command.output
        assert "Traceback" not in command.output
    leftovers.wait_until_none(10.0)


def _check_first_worker(screen: Screen) -> None:
    [row] = screen.wait(lambda: [row for row in screen.rows("workers") if float(row["Agt RSS (in MB)"]) > 5])
    assert screen.heads("workers") == WORKER_COLUMNS
    assert re.fullmatch(r"[01]{3}", row["ITL"])
    assert (row["Capabilities"], row["Tasks Suspended"], row["Draining"]) == ("<no capabilities>", "0", "no")
    assert (row["Queue Capacity"], row["Tasks Sent"], row["Tasks Queued"]) == ("1000", "0", "0")
    assert re.fullmatch(r"\d+\.\dms|\d+ms", row["Lag"]) and re.fullmatch(r"\ds", row["Last Seen"])
    screen.wait(lambda: float(screen.rows("workers")[0]["Processors RSS (in MB)"]) > 5)
    assert 0 <= float(row["Agt CPU %"]) <= 200 and 0 <= float(row["Processors CPU %"]) <= 200
    assert re.search(r"CPU\n[\d.]+%\nRSS\n[\d.]+M\nRSS Free\n[\d.]+G\nWorkers\n1\n", screen.text("scheduler"))
    knobs = screen.driver.find_elements(By.CSS_SELECTOR, '[data-testid="workers"] .q-knob')
    assert len(knobs) == 4


def _check_task_log(screen: Screen, client: Client) -> None:
    assert client.submit(sleep_for, 0.25).result() == 0.25
    with pytest.raises(ValueError, match="on purpose"):
        client.submit(fail_at_once).result()
    running = client.submit(sleep_for, 60)
    screen.open("Live")
    screen.wait(lambda: "On workers\n1" in screen.text("tasks-now"))
    screen.wait(lambda: screen.rows("workers")[0]["Tasks Sent"] == "1")
    screen.wait(lambda: screen.rows("workers")[0]["ITL"][1] == "1")
    running.cancel()
    screen.wait(lambda: "Success\n1" in screen.text("tasks-ended") and "Failed\n1" in screen.text("tasks-ended"))
    screen.open("Task Log")
    rows = screen.wait(lambda: len(rows := screen.rows("task-log")) == 3 and rows)
    assert [(row["Function"], row["Status"]) for row in rows] == [
        ("sleep_for", "Canceled"),
        ("fail_at_once", "Failed"),
        ("sleep_for", "Success"),
    ]
    assert (rows[0]["Duration"], rows[0]["Peak mem"]) == ("N/A", "N/A")
    assert re.fullmatch(r"\d\.\d\ds", rows[2]["Duration"]) and float(rows[2]["Duration"][:-1]) >= 0.25
    assert all(re.fullmatch(r"[0-9a-f]{32}", row["Task ID"]) for row in rows)
    assert screen.heads("task-log")[:6] == ["Task ID", "Function", "Duration", "Peak mem", "Status", "Capabilities"]
    assert _copied_by_a_click(screen) == rows[0]["Task ID"]
    screen.open("Worker Task Stream")
    painted = screen.wait(lambda: [shape for shape in screen.painted("task-stream") if shape["fill"] == colors.PLAIN])
    assert {shape["stroke"] for shape in painted} >= {"#000000", "#d00000"}
    bars = screen.chart("task-stream")["data"][0]
    assert [bar[5] for bar in bars] == ["", "x", "/"]
    assert bars[0][2] - bars[0][1] == pytest.approx(float(rows[2]["Duration"][:-1]) * 1000, abs=10)
    assert abs(bars[0][2] / 1000 - time.time()) < 60  # an absolute time
    strokes = [shape for shape in screen.painted("task-stream") if shape["type"] == "line" and shape["stroke"] != ""]
    assert sum(1 for shape in strokes if shape["stroke"] in ("#000000", "#d00000")) >= 3


def _copied_by_a_click(screen: Screen) -> str:
    """Return what the clipboard has after a click on the newest task."""
    screen.driver.execute_cdp_cmd(
        "Browser.grantPermissions", {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
    )
    identifier = screen.driver.find_element(By.CSS_SELECTOR, '[data-testid="task-log"] tbody td span')
    screen.wait(lambda: identifier.click() is None)
    screen.wait(lambda: screen.driver.find_element(By.CLASS_NAME, "q-notification"))
    copied: str = screen.wait(
        lambda: screen.driver.execute_async_script("navigator.clipboard.readText().then(arguments[0])")
    )
    return copied


def _check_memory_and_processors(screen: Screen, client: Client) -> None:
    assert client.submit(hold_memory, 2.5).result() == MEGABYTES * 1_000_000
    screen.open("Memory")
    screen.wait(lambda: max(size for _, size in screen.chart("memory")["data"][0]) > 0.9e6 * MEGABYTES)
    assert any(shape["text"] == "Memory Usage (in bytes)" for shape in screen.painted("memory"))
    assert max(size for _, size in screen.chart("memory")["data"][0]) < 3e6 * MEGABYTES
    screen.open("Worker Processors")
    [row] = screen.wait(lambda: screen.rows("processors"))
    assert screen.heads("processors")[1:] == [
        "Processor PID",
        "CPU %",
        "RSS (in MB)",
        "Max RSS (in MB)",
        "Initialized",
        "Has Task",
        "Suspended",
    ]
    assert (row["Initialized"], row["Suspended"]) == ("yes", "no")
    screen.wait(lambda: screen.rows("processors")[0]["Has Task"] == "no")
    assert Path(f"/proc/{row['Processor PID']}").is_dir()
    assert float(row["Max RSS (in MB)"]) >= max(float(row["RSS (in MB)"]), MEGABYTES)


def _check_graphs_and_clients(screen: Screen, client: Client) -> None:
    graph = {"one": 1, "two": (add, "one", "one"), "three": (add, "two", "one"), "five": (add, "two", "three")}
    assert client.get(graph, ["five"]) == {"five": 5}
    screen.open("Graphs")
    [row] = screen.wait(lambda: [row for row in screen.rows("graphs") if row["State"] == "Success"])
    assert (row["Nodes"], row["Succeeded"], row["Waiting"], row["Failed"]) == ("3", "3", "0", "0")
    screen.open("Clients")
    [row] = screen.wait(lambda: screen.rows("clients"))
    assert row["Live Tasks"] == "0"


def _check_waiting_and_new_workers(screen: Screen, client: Client, combo: SchedulerClusterCombo, end: Path) -> None:
    long, moved = client.submit(wait_for_file, str(end)), client.submit(sleep_for, 1)
    needy = client.submit_verbose(sleep_for, (0.5,), {}, capabilities={"gpu": 1})
    screen.open("Waiting")
    screen.wait(lambda: "1 task waits: no connected worker can ever run them" in screen.text("why-tasks-wait"))
    [row] = screen.wait(lambda: screen.rows("shortages"))
    assert (row["Tasks"], row["Capabilities"]) == ("1", "gpu=1") and "gpu" in row["Wait For"]
    screen.open("Worker Task Stream")
    screen.wait(lambda: len(screen.chart("task-stream")["labels"]) == 1)
    with one_more_worker(combo, {"gpu": 3}):
        screen.wait(lambda: len(screen.chart("task-stream")["labels"]) == 2)
        assert (needy.result(timeout=40), moved.result(timeout=40)) == (0.5, 1)
        assert not long.done()  # so the task that lay behind it was moved
        labels = screen.chart("task-stream")["labels"]
        row_of_new = next(number for number, label in enumerate(labels) if label.startswith("another"))
        bars = screen.wait(lambda: len(bars := _bars_of(screen, row_of_new)) >= 2 and bars)
        assert {bar[5] for bar in bars} == {""}  # nothing of it is canceled
        assert {bar[3] for bar in bars} == {colors.PLAIN, colors.name_color("gpu")}
        assert [bar[4] for bar in _bars_of(screen, 1 - row_of_new)][-1] == "#e6b800"  # the long one runs
        assert [square[3] for square in screen.chart("task-stream")["data"][1]] == ["gpu=3"]
        screen.open("Live")
        rows = screen.wait(lambda: len(rows := screen.rows("workers")) == 2 and rows)
        assert sorted(row["Capabilities"] for row in rows) == ["<no capabilities>", "gpu=3"]
        search = screen.driver.find_element(By.CSS_SELECTOR, '[data-testid="workers-search"]')
        search.send_keys("GPU")
        screen.wait(lambda: [row["Capabilities"] for row in screen.rows("workers")] == ["gpu=3"])
        search.send_keys(Keys.BACKSPACE * 3)
        screen.wait(lambda: len(screen.rows("workers")) == 2)
        for order in (["<no capabilities>", "gpu=3"], ["gpu=3", "<no capabilities>"]):
            screen.driver.find_element(By.XPATH, "//th[contains(., 'Capabilities')]").click()
            screen.wait(lambda order=order: [row["Capabilities"] for row in screen.rows("workers")] == order)
        screen.open("Task Log")
        ends = screen.wait(lambda: [row for row in screen.rows("task-log") if row["Worker"].startswith("another")])
        assert {row["Status"] for row in ends} == {"Success"} and len(ends) == 2
        assert {row["Capabilities"] for row in ends} == {"<no capabilities>", "gpu=1"}
    screen.open("Live")
    screen.wait(lambda: [row["Worker"].startswith("another") for row in screen.rows("workers")] == [False])
    screen.open("Worker Processors")
    screen.wait(lambda: len(screen.rows("processors")) == 1)
    screen.open("Worker Task Stream")
    screen.wait(lambda: any("(gone)" in label for label in screen.chart("task-stream")["labels"]))
    end.touch()
    long.result(timeout=20)


def _bars_of(screen: Screen, row: int) -> list[list[Any]]:
    return [bar for bar in screen.chart("task-stream")["data"][0] if bar[0] == row]


def _check_settings(screen: Screen) -> None:
    assert _window_seconds(screen) == 300
    _check_zoom(screen)
    _check_hidden_page(screen)
    screen.open("Settings")
    screen.press("10 minutes")
    screen.press("log")
    screen.open("Worker Task Stream")
    screen.wait(lambda: _window_seconds(screen) == 600)
    screen.open("Memory")
    screen.wait(lambda: screen.chart("memory")["scale"] == "log")
    first = screen.driver.current_window_handle
    screen.driver.switch_to.new_window("tab")
    screen.driver.get(screen.url)
    screen.open("Memory")
    screen.wait(lambda: screen.chart("memory")["scale"] == "value")  # settings are those of one viewer
    screen.driver.close()
    screen.driver.switch_to.window(first)
    screen.driver.refresh()
    screen.open("Memory")
    screen.wait(lambda: screen.chart("memory")["scale"] == "log")


def _check_zoom(screen: Screen) -> None:
    """What the viewer has zoomed to stays, although the chart moves on, until it is reset."""
    screen.driver.execute_script(
        "getElement(document.querySelector('[data-testid=task-stream]')).chart"
        ".dispatchAction({type: 'dataZoom', start: 50, end: 80})"
    )
    before = screen.chart("task-stream")["to"]
    screen.wait(lambda: screen.chart("task-stream")["to"] > before)
    assert screen.chart("task-stream")["zoom"] == [50, 80]
    screen.press("Reset zoom")
    screen.wait(lambda: screen.chart("task-stream")["zoom"] == [0, 100])


def _check_hidden_page(screen: Screen) -> None:
    """A page that nobody sees gets nothing, and goes on when it is seen again."""
    say = (
        "Object.defineProperty(document, 'visibilityState', {value: arguments[0], configurable: true});"
        "document.dispatchEvent(new Event('visibilitychange'));"
    )

    def stands_still() -> bool:
        before = screen.chart("task-stream")["to"]
        time.sleep(1.5)  # three refreshes of a page that is seen
        return bool(screen.chart("task-stream")["to"] == before)

    screen.driver.execute_script(say, "hidden")
    screen.wait(stands_still)
    before = screen.chart("task-stream")["to"]
    screen.driver.execute_script(say, "visible")
    screen.wait(lambda: screen.chart("task-stream")["to"] > before)


def _window_seconds(screen: Screen) -> float:
    chart = screen.chart("task-stream")
    seconds: float = (chart["to"] - chart["from"]) / 1000
    return seconds


def _check_that_nothing_comes_from_elsewhere(screen: Screen) -> None:
    loaded = screen.driver.execute_script("return performance.getEntriesByType('resource').map(entry => entry.name)")
    assert len(loaded) > 5 and [url for url in loaded if not url.startswith(screen.url)] == []
    assert [entry for entry in screen.driver.get_log("browser") if entry["level"] == "SEVERE"] == []


def _check_foreign_names(screen: Screen) -> None:
    """A page whose name was rebound to this machine gets nothing, neither the page nor the socket."""
    port = int(screen.url.rsplit(":", 1)[1])
    screen.driver.get(f"http://evil.example:{port}/")
    assert "the host 'evil.example" in screen.driver.find_element(By.TAG_NAME, "body").text
    for path in ("/", "/_nicegui_ws/socket.io/?EIO=4&transport=polling"):
        for headers in ({"Host": f"evil.example:{port}"}, {"Origin": "http://evil.example"}):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("GET", path, headers=headers)
            assert connection.getresponse().status == 403
            connection.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_it_with_0(number: signal.Signals, leftovers: Any) -> None:
    with Command("scaler_ui", "tcp://127.0.0.1:1", "--port", "0", "--host", "127.0.0.1") as command:
        address_of(command)
        assert command.stop(number) == 0, command.output
        assert "Traceback" not in command.output
    leftovers.wait_until_none(1.0)


def test_a_port_in_use_is_one_line() -> None:
    with Command("scaler_ui", "tcp://127.0.0.1:1", "--web-port", "0") as first:
        port = address_of(first).rsplit(":", 1)[1]
        with Command("scaler_ui", "tcp://127.0.0.1:1", "--web-port", port) as second:
            assert second.wait(30) == 1
        assert second.output.splitlines()[-1] == (
            f"scaler_ui: error: web_host and web_port: cannot listen at 127.0.0.1:{port}: Address already in use; "
            "port 0 is a free one"
        )
        assert first.stop() == 0


def test_a_stack_has_it_as_a_part(chosen_port: int, tmp_path: Path, leftovers: Any) -> None:
    path = tmp_path / "stack.toml"
    path.write_text(f'[scheduler]\nscheduler_address = "tcp://127.0.0.1:{chosen_port}"\n[webui]\nport = 0\n')
    with Command("scaler", str(path)) as command:
        url = address_of(command)
        command.wait_for(f"{url} shows tcp://127.0.0.1:{chosen_port + 2}")
        connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)
        connection.request("GET", "/")
        assert connection.getresponse().status == 200
        connection.close()
        assert command.stop() == 0, command.output
        assert "Traceback" not in command.output
    leftovers.wait_until_none(1.0)


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)


def test_without_nicegui_there_is_one_line_with_the_remedy() -> None:
    done = run_python(
        "import sys; sys.modules['nicegui'] = None\n"
        "from scaler.entry_points.webui import main; sys.exit(main(['tcp://127.0.0.1:1']))"
    )
    assert done.returncode == 1
    assert re.fullmatch(r"scaler_ui: error: .* needs NiceGUI .*pip install 'opengris-scaler\[gui\]'\n", done.stderr)


@pytest.mark.parametrize("name", ["__main__", "__mp_main__"])
def test_the_launcher_of_the_source_tree(name: str) -> None:
    launcher = Path(__file__).parents[2] / "src" / "run_webui.py"
    done = run_python(
        "import runpy, sys; sys.argv = ['run_webui', '--version']\n"
        f"runpy.run_path({str(launcher)!r}, run_name={name!r})"
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("scaler_ui ")
