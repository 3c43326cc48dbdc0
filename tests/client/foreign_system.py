"""Takes away from this interpreter what another system does not have; used before the package is imported, by a process
of its own.

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

_ONLY_LINUX = {
    os: (
        *("eventfd", "eventfd_read", "eventfd_write", "EFD_CLOEXEC", "EFD_NONBLOCK"),
        *("memfd_create", "pidfd_open", "pipe2", "sched_getaffinity"),
    ),
    select: ("epoll",),
    selectors: ("EpollSelector",),
    signal: ("sigtimedwait", "sigwaitinfo"),
    socket: ("MSG_CMSG_CLOEXEC", "SOCK_CLOEXEC", "SOCK_NONBLOCK", "SO_PEERCRED"),
}
_ONLY_UNIX = {
    os: (
        *(
            "fork",
            "forkpty",
            "getegid",
            "geteuid",
            "getgid",
            "getloadavg",
            "getpgid",
            "getuid",
            "killpg",
            "mkfifo",
            "nice",
        ),
        *("posix_spawn", "preadv", "pwritev", "register_at_fork", "sched_yield", "sendfile", "set_blocking", "setpgid"),
        *("nice", "setsid", "sysconf", "uname", "wait3", "wait4", "waitid", "writev"),
    ),
    select: ("poll",),
    selectors: ("PollSelector",),
    signal: (
        *("alarm", "pause", "pthread_kill", "pthread_sigmask", "setitimer", "siginterrupt", "sigpending", "sigwait"),
        *("SIGALRM", "SIGCHLD", "SIGCONT", "SIGHUP", "SIGKILL", "SIGPIPE", "SIGPROF", "SIGQUIT", "SIGSTOP", "SIGTSTP"),
        *("SIGUSR1", "SIGUSR2", "SIGWINCH"),
    ),
    socket: ("AF_UNIX", "CMSG_LEN", "CMSG_SPACE", "SCM_RIGHTS", "recv_fds", "send_fds", "socketpair"),
}
_UNIX_MODULES = ("fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios", "tty")


def become(platform_name: str) -> None:
    """Be like ``darwin`` or ``win32``."""
    gone = [_ONLY_LINUX, _ONLY_UNIX] if platform_name == "win32" else [_ONLY_LINUX]
    for module, names in [item for group in gone for item in group.items()]:
        for name in names:
            if hasattr(module, name):
                delattr(module, name)
    if platform_name == "win32":
        for name in _UNIX_MODULES:
            sys.modules[name] = None  # type: ignore[assignment]  # so says the import system that there is none
    sys.platform = platform_name
