"""What ECharts is told to draw: the task stream and the memory of tasks. Times are absolute."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any, Final

from scaler.ui import colors, figures
from scaler.ui.lane import Bar
from scaler.ui.tables import WallClock
from scaler.ui.task_stream import StreamRow

_ROW_PIXELS: Final = 20
_LEAST_STREAM_PIXELS: Final = 300
_AROUND_STREAM_PIXELS: Final = 140

# A bar is [row, begin, end, colour, outline, pattern, text]; a square is [row, number, colour, text].
_DRAW_BAR: Final = """(params, api) => {
    const begin = api.coord([api.value(1), api.value(0)]);
    const end = api.coord([api.value(2), api.value(0)]);
    const area = params.coordSys;
    const left = Math.max(begin[0], area.x), right = Math.min(end[0], area.x + area.width);
    if (right < area.x || left > area.x + area.width) return null;
    const height = Math.max(4, api.size([0, 1])[1] * 0.7), top = begin[1] - height / 2;
    const width = Math.max(1, right - left), pattern = api.value(5), children = [];
    const line = (y1, y2) => children.push({type: 'line', silent: true,
        shape: {x1: left, y1: y1, x2: left + width, y2: y2}, style: {stroke: api.value(4), lineWidth: 1}});
    children.push({type: 'rect', shape: {x: left, y: top, width: width, height: height},
        style: {fill: api.value(3), stroke: api.value(4), lineWidth: width > 3 ? 1 : 0}});
    if (pattern === 'x' || pattern === '/') line(top + height, top);
    if (pattern === 'x') line(top, top + height);
    return {type: 'group', children: children};
}"""
_DRAW_SQUARE: Final = """(params, api) => {
    const y = api.coord([api.value(4), api.value(0)])[1], area = params.coordSys;
    return {type: 'rect', z2: 10, shape: {x: area.x + 2 + 10 * api.value(1), y: y - 4, width: 8, height: 8},
        style: {fill: api.value(2), stroke: '#fff', lineWidth: 1}};
}"""


def stream_height_pixels(rows: int) -> int:
    """Return how high the chart of the task stream is."""
    return max(_LEAST_STREAM_PIXELS, _AROUND_STREAM_PIXELS + _ROW_PIXELS * rows)


def stream_options(
    rows: Sequence[StreamRow], now_seconds: float, window_seconds: int, clock: WallClock
) -> dict[str, Any]:
    """Return bars over time, a row for each lane, the first on top."""
    newest = clock.milliseconds(now_seconds)
    oldest = clock.milliseconds(now_seconds - window_seconds)
    return {
        "animation": False,
        "grid": {"left": 190, "right": 30, "top": 20, "bottom": 80},
        "tooltip": {"trigger": "item", ":formatter": "item => item.value[item.seriesIndex === 0 ? 6 : 3]"},
        "dataZoom": [
            {"type": "slider", "xAxisIndex": 0, "filterMode": "none", "height": 20, "bottom": 15},
            {"type": "inside", "xAxisIndex": 0, "filterMode": "none"},
        ],
        "xAxis": {"type": "time", "min": oldest, "max": newest, "splitLine": {"show": True}},
        "yAxis": {
            "type": "category",
            "inverse": True,
            "data": [_row_label(row) for row in rows],
            "axisLabel": {"interval": 0},
            "splitArea": {"show": True},
        },
        "series": [
            {
                "name": "tasks",
                "type": "custom",
                "clip": True,
                ":renderItem": _DRAW_BAR,
                "encode": {"x": [1, 2], "y": 0},
                "data": [_bar(number, bar, clock) for number, row in enumerate(rows) for bar in row.bars],
            },
            {
                "name": "capabilities",
                "type": "custom",
                ":renderItem": _DRAW_SQUARE,
                "encode": {"x": 4, "y": 0},
                "data": [
                    [
                        number,
                        position,
                        colors.name_color(name),
                        _html(figures.capabilities_label({name: amount})),
                        newest,
                    ]
                    for number, row in enumerate(rows)
                    for position, (name, amount) in enumerate(sorted(row.capabilities.items()))
                ],
            },
        ],
    }


def memory_options(
    points: Sequence[tuple[int, float]], now_seconds: float, window_seconds: int, scale: str, clock: WallClock
) -> dict[str, Any]:
    """Return the memory of tasks over time as a filled curve; a logarithmic axis begins at one byte."""
    least = 1.0 if scale == "log" else 0.0
    return {
        "animation": False,
        "grid": {"left": 90, "right": 30, "top": 40, "bottom": 80},
        "title": {"text": "Memory Usage (in bytes)", "textStyle": {"fontSize": 14}},
        "tooltip": {"trigger": "axis", ":valueFormatter": "value => Math.round(value).toLocaleString() + ' bytes'"},
        "dataZoom": [
            {"type": "slider", "filterMode": "none", "height": 20, "bottom": 15},
            {"type": "inside", "filterMode": "none"},
        ],
        "xAxis": {
            "type": "time",
            "min": clock.milliseconds(now_seconds - window_seconds),
            "max": clock.milliseconds(now_seconds),
        },
        "yAxis": {"type": "log" if scale == "log" else "value", "min": least},
        "series": [
            {
                "name": "memory",
                "type": "line",
                "step": "end",
                "showSymbol": False,
                "areaStyle": {},
                "data": [[clock.milliseconds(second), max(least, round(size))] for second, size in points],
            }
        ],
    }


def reset_zoom() -> Mapping[str, Any]:
    """Return the action that shows the whole window again."""
    return {"type": "dataZoom", "start": 0, "end": 100}


def _row_label(row: StreamRow) -> str:
    gone = " (gone)" if row.is_gone else ""
    return f"{figures.identity_label(row.worker_id)} [{row.lane + 1}]{gone}"


def _bar(number: int, bar: Bar, clock: WallClock) -> list[Any]:
    text = _html(f"{figures.state_label(bar.state)}, {figures.capabilities_label(bar.capabilities)}")
    return [
        number,
        clock.milliseconds(bar.began_seconds),
        clock.milliseconds(bar.ended_seconds),
        colors.capabilities_color(bar.capabilities),
        colors.outline_of(bar.state),
        colors.pattern_of(bar.state),
        f"{text}<br>Tasks: {bar.tasks}<br>{bar.ended_seconds - bar.began_seconds:.2f}s",
    ]


def _html(text: str) -> str:
    """Names of capabilities are anybody's, and tips are HTML."""
    return html.escape(text)
