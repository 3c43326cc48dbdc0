"""The shell of ``scaler_top``: a terminal, keys, signals. Whatever is shown is decided in ``screen`` and ``view``."""

from __future__ import annotations

import contextlib
import curses
import locale
import os
import select
import signal
import sys
from types import FrameType
from typing import TYPE_CHECKING, Final

from scaler.top.feed import Feed
from scaler.top.screen import Screen, Style, draw, draw_waiting
from scaler.top.view import Key, View

if TYPE_CHECKING:
    from curses import window

_REDRAW_SECONDS: Final = 0.5
_ESCAPE_MILLISECONDS: Final = 25
_MOST_EMPTY_READS: Final = 5
"""A terminal that can be read but has no key for so often has gone."""
_KEYS: Final = {
    curses.KEY_UP: Key.up,
    curses.KEY_DOWN: Key.down,
    curses.KEY_PPAGE: Key.page_up,
    curses.KEY_NPAGE: Key.page_down,
    curses.KEY_HOME: Key.home,
    curses.KEY_END: Key.end,
    curses.KEY_LEFT: Key.left,
    curses.KEY_RIGHT: Key.right,
}
_STYLES: Final = {Style.plain: curses.A_NORMAL, Style.heading: curses.A_REVERSE, Style.alert: curses.A_BOLD}
_STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Terminal:
    """Shows a feed until ``q`` or a signal. Used once, by the main thread, for it takes the signals of the process."""

    def __init__(self, address: str, timeout_seconds: float) -> None:
        self._address = address
        self._timeout_seconds = timeout_seconds
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        self._view = View()
        self._page_rows = 1
        self._is_resized = False
        self._is_stopped = False
        self._empty_reads = 0

    def run(self) -> None:
        """Show the cluster. Raise OSError without a usable terminal, TimeoutError when the stream stays silent."""
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            raise OSError("standard input and output must be a terminal")
        with contextlib.suppress(locale.Error):  # an unknown locale shows other characters as ?
            locale.setlocale(locale.LC_ALL, "")
        self._take_signals()
        try:
            with Feed(self._address, self._timeout_seconds, self._wake) as feed:
                curses.wrapper(self._show, feed)
        except curses.error as error:
            raise OSError(f"cannot use the terminal {os.environ.get('TERM', '')!r}: {error}") from None
        finally:
            self._give_signals_back()

    def _take_signals(self) -> None:
        # Before curses starts: it leaves signals alone that have a handler, and only a handler can end a select.
        for number in _STOP_SIGNALS:
            signal.signal(number, self._on_stop)
        signal.signal(signal.SIGWINCH, self._on_resize)

    def _give_signals_back(self) -> None:
        for number in (*_STOP_SIGNALS, signal.SIGWINCH):
            signal.signal(number, signal.SIG_DFL)
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _on_stop(self, _number: int, _frame: FrameType | None) -> None:
        self._is_stopped = True
        self._wake()

    def _on_resize(self, _number: int, _frame: FrameType | None) -> None:
        self._is_resized = True
        self._wake()

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):  # a full pipe wakes as well
            os.write(self._wake_write, b"\0")

    def _show(self, window: window, feed: Feed) -> None:
        curses.set_escdelay(_ESCAPE_MILLISECONDS)
        window.nodelay(True)
        for cosmetic in (curses.use_default_colors, lambda: curses.curs_set(0)):
            with contextlib.suppress(curses.error):  # not every terminal can
                cosmetic()
        while not (self._view.has_quit or self._is_stopped):
            self._redraw(window, feed)
            ready, _, _ = select.select([sys.stdin, self._wake_read], [], [], _REDRAW_SECONDS)
            if self._wake_read in ready:
                os.read(self._wake_read, 4096)
            if sys.stdin in ready:
                self._read_keys(window)

    def _redraw(self, window: window, feed: Feed) -> None:
        if self._is_resized:
            self._is_resized = False
            curses.resizeterm(*reversed(os.get_terminal_size(sys.stdout.fileno())))
        rows, cells = window.getmaxyx()
        picture, contact = feed.latest()
        if picture is None:
            screen = draw_waiting(contact, self._view, rows, cells)
        else:
            screen = draw(picture, contact, self._view, rows, cells)
        self._write(window, screen)

    def _write(self, window: window, screen: Screen) -> None:
        self._view, self._page_rows = screen.view, screen.page_rows
        encoding = window.encoding
        window.erase()
        for number, line in enumerate(screen.lines):
            text = line.text.encode(encoding, "replace").decode(encoding)
            with contextlib.suppress(curses.error):  # the cursor has no place behind the last cell
                window.addstr(number, 0, text, _STYLES[line.style])
        window.refresh()

    def _read_keys(self, window: window) -> None:
        code = window.getch()
        self._empty_reads = self._empty_reads + 1 if code == curses.ERR else 0
        if self._empty_reads >= _MOST_EMPTY_READS:
            raise OSError("the terminal has gone")
        while code != curses.ERR:
            key = _KEYS.get(code) or (chr(code) if 0 <= code < 128 else None)
            if key is not None:
                self._view = self._view.after(key, self._page_rows)
            code = window.getch()
