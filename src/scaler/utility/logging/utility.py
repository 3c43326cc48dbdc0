"""The one logging set-up of every process: scheduler, agents, processors, servers and commands."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterable

from scaler.utility.logging.daily_file_handler import DailyFileHandler
from scaler.utility.logging.lost_lines import ConsoleHandler

LEVELS = {
    "CRITICAL": logging.CRITICAL,
    "ERROR": logging.ERROR,
    "WARNING": logging.WARNING,
    "INFO": logging.INFO,
    "DEBUG": logging.DEBUG,
    "NOTSET": logging.NOTSET,
}
DATE_FORMAT = "%Y-%m-%d %H:%M:%S%z"
CONSOLE_FORMAT = "[%(levelname)s]%(asctime)s: %(message)s"
FILE_FORMAT = "[%(levelname)s]%(asctime)s: %(module)s:%(funcName)s:%(lineno)d: %(message)s"

_SHORT_NAMES = {
    logging.INFO: "INFO",
    logging.WARNING: "WARN",
    logging.ERROR: "EROR",
    logging.DEBUG: "DEBG",
    logging.CRITICAL: "CTIC",
}
_STANDARD_OUTPUT = {"-", "/dev/stdout"}
_STANDARD_ERROR = {"/dev/stderr"}


def setup_logger(
    log_paths: Iterable[str] = ("/dev/stdout",),
    logging_config_file: str | None = None,
    logging_level: str = "INFO",
) -> None:
    """Log to the paths, or as the configuration file says; replaces what was set up before.

    ``-`` and ``/dev/stdout`` are the standard output, ``/dev/stderr`` the standard error, anything else is a file that
    is renamed every day, and whose folder is made when it is missing. No path and no file leaves logging as it is.
    Raise ValueError for an unknown level or a configuration file that is none, OSError for a path that is not usable.
    """
    for level, name in _SHORT_NAMES.items():
        logging.addLevelName(level, name)
    if logging_config_file is not None:
        _load_config_file(logging_config_file)
        return
    paths = tuple(dict.fromkeys(_resolve(path) for path in log_paths))
    level_number = level_of(logging_level)
    if not paths:
        return
    root = logging.getLogger()
    handlers = [_make_handler(path) for path in paths]
    for handler in list(root.handlers):
        root.removeHandler(handler)
        handler.close()
    for handler in handlers:
        root.addHandler(handler)
    root.setLevel(level_number)
    logging.info("logging to %s", paths)


def _load_config_file(path: str) -> None:
    print(f"use logging config file: {path}", flush=True)
    from logging.config import fileConfig  # costs milliseconds, and is hardly ever used

    try:
        fileConfig(path, disable_existing_loggers=False)  # those of our modules exist
    except Exception as error:  # whatever reading the file, or the handlers it names, raises
        reason = f"{type(error).__name__}: {error}"
        raise ValueError(f"cannot use the logging_config_file {path}: {reason}") from error


def level_of(name: str) -> int:
    """Return the number of a level's name, upper or lower case; raise ValueError for an unknown one."""
    try:
        return LEVELS[name.upper()]
    except KeyError:
        raise ValueError(f"logging_level must be one of {', '.join(LEVELS)}, got {name!r}") from None


def paths_of_process(log_paths: Iterable[str], pid: int) -> tuple[str, ...]:
    """Return the paths for one of many alike processes: files get its process id, so that each has its own."""
    streams = _STANDARD_OUTPUT | _STANDARD_ERROR
    return tuple(path if path in streams else f"{path}-{pid}" for path in log_paths)


def current_level_name() -> str:
    """Return the long name of the root logger's level; what native code understands."""
    number = logging.getLogger().level
    return next((name for name, level in LEVELS.items() if level == number), "INFO")


def _resolve(path: str) -> str:
    if path in _STANDARD_OUTPUT:
        return "/dev/stdout"
    if path in _STANDARD_ERROR:
        return "/dev/stderr"
    return os.path.expandvars(os.path.expanduser(path))


def _make_handler(path: str) -> logging.Handler:
    handler: logging.Handler
    if path == "/dev/stdout":
        handler = ConsoleHandler(sys.stdout, path)
    elif path == "/dev/stderr":
        handler = ConsoleHandler(sys.stderr, path)
    else:
        try:
            os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
            handler = DailyFileHandler(path)
        except OSError as error:
            raise OSError(f"cannot log to {path or repr(path)}: {error.strerror}") from None
    is_stream = path in ("/dev/stdout", "/dev/stderr")
    handler.setFormatter(logging.Formatter(CONSOLE_FORMAT if is_stream else FILE_FORMAT, DATE_FORMAT))
    return handler
