"""The settings that say where and what a process logs; the same for every command."""

import os
from typing import Any

from scaler.config.defaults import DEFAULT_LOGGING_LEVEL, DEFAULT_LOGGING_PATHS
from scaler.config.setting import setting

LOGGING_LEVELS = ("CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG", "NOTSET")


def logging_paths_setting() -> Any:
    return setting(
        "-lp",
        default=DEFAULT_LOGGING_PATHS,
        help="where to log: - or /dev/stdout, /dev/stderr, files, which are renamed every day",
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
        "-lc",
        "-lcf",
        default=None,
        check=_expect_file,
        help="file in the format of logging.config.fileConfig, instead of paths and level",
    )


def _expect_file(path: str) -> str:
    return "" if os.access(path, os.R_OK) and os.path.isfile(path) else "a file that can be read"
