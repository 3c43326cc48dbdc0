"""What tasks print, where the client runs."""

from __future__ import annotations

import sys

from scaler.protocol import codec


class PrintedText:
    """Some text of one task on its way to the stream of this process that belongs to it."""

    __slots__ = ("_is_written", "_log")

    def __init__(self, log: codec.TaskLog) -> None:
        self._log = log
        self._is_written = False

    def write(self) -> None:
        """Write the text, once. Raise what the stream raises, unless it just cannot encode the text."""
        if self._is_written:
            return
        self._is_written = True  # first: a part of it twice would be worse than none
        stream = sys.stderr if self._log.log_type == codec.LogType.stderr else sys.stdout
        if stream is None:  # as ``print`` does in a process without streams
            return
        content = self._log.content
        try:
            stream.write(content)
        except UnicodeEncodeError:
            encoding = stream.encoding or "ascii"
            stream.write(content.encode(encoding, "backslashreplace").decode(encoding))
