"""The settings that say where and what a process logs; the same for every command."""

from typing import Any

from scaler.config.defaults import DEFAULT_LOGGING_LEVEL, DEFAULT_LOGGING_PATHS
from scaler.config.setting import setting

LOGGING_LEVELS = ("CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG", "NOTSET")


def logging_paths_setting() -> Any:
    return setting(
        "-lp", default=DEFAULT_LOGGING_PATHS, help="where to log: /dev/stdout, /dev/stderr or files, rotated every day"
    )


def logging_level_setting() -> Any:
    return setting(
        "-ll",
        default=DEFAULT_LOGGING_LEVEL,
        choices=LOGGING_LEVELS,
        normalise=str.upper,
        help="least important level to log",
    )


def logging_config_file_setting() -> Any:
    return setting(
        "-lc", "-lcf", default=None, help="file in the format of logging.config.fileConfig, instead of paths and level"
    )
