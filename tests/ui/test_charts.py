"""What the charts are told to draw."""

from __future__ import annotations

from view_fixture import ViewFixture, worker_id

from scaler.scheduler.task.monitor_state import MonitorState
from scaler.ui import colors
from scaler.ui.charts import memory_options, stream_height_pixels, stream_options
from scaler.ui.tables import WallClock
from scaler.ui.viewer_settings import ViewerSettings

ONE, TWO = worker_id("host", "1"), worker_id("host", "2")


def test_bars_have_absolute_times_colours_patterns_and_numbers() -> None:
    fixture = ViewFixture().connect(ONE, capabilities={"gpu": 2, "<b>": -1}).connect(TWO)
    fixture.run(1, ONE, 2).after(1).place(2, TWO, {"gpu": 1}).after(1).end(2, MonitorState.failed, 1.0)
    fixture.place(3, TWO).after(1)
    clock = WallClock(1_000_000.0, fixture.now)
    options = stream_options(fixture.rows(), fixture.now, 300, clock)
    assert options["yAxis"]["data"] == ["host 111111 [1]", "host 222222 [1]"]
    assert (options["xAxis"]["min"], options["xAxis"]["max"]) == (999_700_000, 1_000_000_000)
    tasks, squares = options["series"]
    gpu = colors.name_color("gpu")
    assert [bar[:6] for bar in tasks["data"]] == [
        [0, 999_995_000, 999_997_000, colors.PLAIN, "#000000", ""],
        [1, 999_998_000, 999_999_000, gpu, "#d00000", "x"],
        [1, 999_999_000, 1_000_000_000, colors.PLAIN, "#e6b800", ""],
    ]
    assert next(bar[6].split("<br>")[:2] for bar in tasks["data"]) == ["Success, &lt;no capabilities&gt;", "Tasks: 1"]
    assert [square[:4] for square in squares["data"]] == [
        [0, 0, colors.name_color("<b>"), "&lt;b&gt;"],
        [0, 1, gpu, "gpu=2"],
    ]


def test_a_row_of_a_worker_that_has_gone_says_so() -> None:
    fixture = ViewFixture().connect(ONE).run(1, ONE, 1).lose(ONE)
    options = stream_options(fixture.rows(), fixture.now, 300, WallClock(0.0, 0.0))
    assert options["yAxis"]["data"] == ["host 111111 [1] (gone)"]


def test_canceled_tasks_have_a_stroke() -> None:
    assert colors.pattern_of(MonitorState.canceled) == colors.pattern_of(MonitorState.canceledNotFound) == "/"
    assert colors.pattern_of(MonitorState.success) == colors.pattern_of(MonitorState.running) == ""
    assert colors.outline_of(MonitorState.canceled) == "#000000"


def test_colours_depend_on_names_alone() -> None:
    assert colors.capabilities_color({"a": 1, "b": -1}) == colors.capabilities_color({"b": 5, "a": 2})
    assert colors.capabilities_color({"a": 1}) == colors.name_color("a") == "#0cc175"


def test_the_chart_is_as_high_as_its_rows_need() -> None:
    assert stream_height_pixels(1) == 300
    assert stream_height_pixels(50) == 1140


def test_a_logarithmic_axis_has_no_zero() -> None:
    clock = WallClock(1_000_000.0, 10_000.0)
    points = [(9_999, 0.0), (10_000, 5e6)]
    linear = memory_options(points, 10_000.0, 300, "linear", clock)
    assert linear["series"][0]["data"] == [[999_999_000, 0.0], [1_000_000_000, 5e6]]
    assert linear["yAxis"]["type"] == "value"
    log = memory_options(points, 10_000.0, 300, "log", clock)
    assert log["series"][0]["data"] == [[999_999_000, 1.0], [1_000_000_000, 5e6]]
    assert log["yAxis"]["type"] == "log"


def test_settings_that_were_stored_by_another_version_are_the_default() -> None:
    assert ViewerSettings.from_plain({"window_minutes": 7, "memory_scale": [1]}) == ViewerSettings()
    chosen = ViewerSettings(30, "log")
    assert ViewerSettings.from_plain(chosen.to_plain()) == chosen
    assert chosen.window_seconds == 1800
