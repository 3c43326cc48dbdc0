"""One logging set-up: levels, formats, streams, files and their rotation."""

import logging
import os
import re
import subprocess
import sys
import time

import pytest

from scaler.utility.logging.daily_file_handler import DailyFileHandler
from scaler.utility.logging.scoped_logger import ScopedLogger, log_function
from scaler.utility.logging.utility import (
    current_level_name,
    level_of,
    paths_of_process,
    setup_logger,
)


@pytest.fixture(autouse=True)
def restored_logging():
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    names = {number: logging.getLevelName(number) for number in (10, 20, 30, 40, 50)}
    yield
    for handler in list(root.handlers):
        if handler not in handlers:
            root.removeHandler(handler)
            handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)
    for number, name in names.items():
        logging.addLevelName(number, name)


STAMP = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d{4}"


def test_console_lines(capsys):
    setup_logger(("-", "/dev/stdout", "/dev/stderr"), None, "debug")
    logging.debug("a debug line")
    logging.warning("a warning")
    output = capsys.readouterr()
    assert re.fullmatch(
        rf"\[INFO\]{STAMP}: logging to \('/dev/stdout', '/dev/stderr'\)\n"
        rf"\[DEBG\]{STAMP}: a debug line\n\[WARN\]{STAMP}: a warning\n",
        output.out,
    )
    assert output.err == output.out
    assert current_level_name() == "DEBUG"


def test_level_holds_for_everything(capsys):
    setup_logger(logging_level="ERROR")
    logging.warning("not this")
    logging.getLogger("some.module").error("but this")
    assert re.fullmatch(rf"\[EROR\]{STAMP}: but this\n", capsys.readouterr().out)


def test_file_lines_and_expansion(tmp_path, monkeypatch):
    monkeypatch.setenv("LOG_FOLDER", str(tmp_path))
    setup_logger(("$LOG_FOLDER/scaler.log",))
    logging.info("to a file")
    path = tmp_path / "scaler.log"
    assert re.search(
        rf"^\[INFO\]{STAMP}: test_logging:test_file_lines_and_expansion:\d+: to a file$", path.read_text(), re.M
    )


def test_setting_up_again_replaces(capsys, tmp_path):
    setup_logger()
    setup_logger((str(tmp_path / "log"),))
    capsys.readouterr()
    logging.info("only in the file")
    assert capsys.readouterr().out == ""


def test_no_paths_leave_logging_alone():
    before = list(logging.getLogger().handlers)
    setup_logger(())
    assert logging.getLogger().handlers == before


def test_unknown_level_is_refused():
    with pytest.raises(ValueError, match="logging_level must be one of CRITICAL"):
        level_of("LOUD")
    assert level_of("warning") == logging.WARNING


def test_configuration_file(tmp_path, capsys):
    path = tmp_path / "logging.ini"
    path.write_text(
        "[loggers]\nkeys=root\n[handlers]\nkeys=out\n[formatters]\nkeys=plain\n"
        "[logger_root]\nlevel=WARNING\nhandlers=out\n"
        "[handler_out]\nclass=StreamHandler\nformatter=plain\nargs=(sys.stdout,)\n"
        "[formatter_plain]\nformat=<%(message)s>\n"
    )
    of_a_module = logging.getLogger("scaler.module.imported.before")
    setup_logger(("/ignored",), str(path), "DEBUG")
    logging.info("hidden")
    logging.warning("shown")
    of_a_module.warning("of a module")
    assert capsys.readouterr().out == f"use logging config file: {path}\n<shown>\n<of a module>\n"
    assert current_level_name() == "WARNING"


def test_processes_get_files_of_their_own():
    assert paths_of_process(("/dev/stdout", "-", "/dev/stderr", "/x/log"), 12) == (
        "/dev/stdout",
        "-",
        "/dev/stderr",
        "/x/log-12",
    )


def test_a_new_day_renames_the_file_once(tmp_path):
    path = tmp_path / "log"
    path.write_text("yesterday\n")
    yesterday = time.time() - 24 * 3600
    os.utime(path, (yesterday, yesterday))
    handlers = [DailyFileHandler(str(path)), DailyFileHandler(str(path))]
    try:
        for number, handler in enumerate(handlers):
            handler.emit(logging.makeLogRecord({"msg": f"today {number}", "levelno": logging.INFO}))
    finally:
        for handler in handlers:
            handler.close()
    stamp = time.strftime("%Y-%m-%d", time.localtime(yesterday))
    assert (tmp_path / f"log.{stamp}").read_text() == "yesterday\n"
    assert path.read_text() == "today 0\ntoday 1\n"


def test_midnight_is_noticed_while_running(tmp_path):
    path = tmp_path / "log"
    handler = DailyFileHandler(str(path))
    try:
        handler.emit(logging.makeLogRecord({"msg": "before"}))
        yesterday = time.time() - 24 * 3600
        os.utime(path, (yesterday, yesterday))
        handler.emit(logging.makeLogRecord({"msg": "still"}))  # the day of a record decides, not the file's
        os.utime(path, (yesterday, yesterday))
        handler.emit(logging.makeLogRecord({"msg": "after", "created": time.time() + 24 * 3600}))
    finally:
        handler.close()
    stamp = time.strftime("%Y-%m-%d", time.localtime(yesterday))
    assert (tmp_path / f"log.{stamp}").read_text() == "before\nstill\n"
    assert path.read_text() == "after\n"


def test_a_full_disk_is_one_line_and_no_traceback(capsys):
    setup_logger(("/dev/full",))
    for number in range(3):
        logging.warning("line %d", number)
    assert capsys.readouterr().err == "cannot log to /dev/full: No space left on device: lines are lost\n"


def test_a_folder_that_has_gone_fails_nobody_who_logs(tmp_path, capsys):
    folder = tmp_path / "log"
    setup_logger((f"{folder}/x.log",))
    [handler] = logging.getLogger().handlers
    (folder / "x.log").unlink()
    folder.rmdir()
    handler._next_check = 0.0  # the next day
    logging.warning("a warning")
    assert capsys.readouterr().err == f"cannot log to {folder}/x.log: No such file or directory: lines are lost\n"
    folder.mkdir()
    handler._next_check = 0.0  # a second later
    logging.warning("another")
    assert "another" in (folder / "x.log").read_text()


def test_a_reader_of_the_terminal_that_has_gone_is_one_line_and_no_traceback():
    code = "import logging; from scaler.utility.logging.utility import setup_logger as s; s(); logging.info('x')"
    read_end, write_end = os.pipe()
    os.close(read_end)
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; import os; os._exit(0)"],
        stdout=write_end, stderr=subprocess.PIPE, text=True, timeout=20,
    )  # fmt: skip
    os.close(write_end)
    assert (done.returncode, done.stderr) == (0, "cannot log to /dev/stdout: Broken pipe: lines are lost\n")


def test_scoped_logger(caplog):
    with caplog.at_level(logging.INFO), ScopedLogger("the work"):
        pass
    assert caplog.messages[0] == "beginning the work"
    assert re.fullmatch(r"completed the work in 0:00:00\.\d{6}", caplog.messages[1])


def test_logged_function(caplog):
    @log_function()
    def double(value):
        return 2 * value

    with caplog.at_level(logging.INFO):
        assert double(4) == 8
    assert re.match(r"beginning execute double at .*test_logging\.py:\d+", caplog.messages[0])
