"""Takes away from this interpreter what Windows does not have; imported before the package, by a process of its own.

What the standard library needs of it to work on this system is loaded before. Native code goes on as it is.
"""

import asyncio  # noqa: F401
import concurrent.futures  # noqa: F401
import logging.handlers  # noqa: F401
import multiprocessing.connection
import multiprocessing.util  # noqa: F401
import os
import platform  # noqa: F401
import random  # noqa: F401
import select
import selectors
import signal
import socket
import subprocess  # noqa: F401
import sys
import tempfile  # noqa: F401
import threading  # noqa: F401
import uuid  # noqa: F401

_MODULES = ("fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios", "tty")
_SIGNALS = ("ALRM", "CHLD", "CONT", "HUP", "KILL", "PIPE", "PROF", "QUIT", "STOP", "TSTP", "USR1", "USR2", "WINCH")
_SIGNAL_CALLS = (
    "alarm",
    "pause",
    "pthread_kill",
    "pthread_sigmask",
    "setitimer",
    "siginterrupt",
    "sigpending",
    "sigwait",
)
_SOCKETS = ("AF_UNIX", "CMSG_LEN", "CMSG_SPACE", "MSG_CMSG_CLOEXEC", "SCM_RIGHTS", "SOCK_CLOEXEC", "SOCK_NONBLOCK")
_SOCKETS += ("SO_PEERCRED", "recv_fds", "send_fds", "socketpair")
_SYSTEM = (
    "eventfd",
    "eventfd_read",
    "eventfd_write",
    "EFD_CLOEXEC",
    "EFD_NONBLOCK",
    "fork",
    "forkpty",
    "getegid",
    "geteuid",
)
_SYSTEM += (
    "getgid",
    "getloadavg",
    "getpgid",
    "getuid",
    "killpg",
    "memfd_create",
    "mkfifo",
    "nice",
    "pidfd_open",
    "pipe2",
)
_SYSTEM += ("posix_spawn", "preadv", "pwritev", "register_at_fork", "sched_getaffinity", "sched_yield", "sendfile")
_SYSTEM += ("set_blocking", "setpgid", "setsid", "sysconf", "uname", "wait3", "wait4", "waitid", "writev")


def _take_away(module: object, names: tuple[str, ...]) -> None:
    for name in names:
        if hasattr(module, name):
            delattr(module, name)


for _name in _MODULES:
    sys.modules[_name] = None  # type: ignore[assignment]  # so says the import system that there is none
_take_away(signal, tuple(f"SIG{name}" for name in _SIGNALS) + _SIGNAL_CALLS)
_take_away(socket, _SOCKETS)
_take_away(os, _SYSTEM)
_take_away(select, ("epoll", "poll"))
_take_away(selectors, ("EpollSelector", "PollSelector"))
sys.platform = "win32"
