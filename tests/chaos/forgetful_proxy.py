"""A TCP proxy that forgets connections as a middle box does: both ends believe in them, and nothing passes any more."""

from __future__ import annotations

import selectors
import socket
import threading

_PIECE_BYTES = 65536


class ForgetfulProxy:
    """Pass connections on to a port of this machine, from a thread of its own; a context manager."""

    def __init__(self, port: int) -> None:
        self._target = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._peers: dict[socket.socket, socket.socket] = {}
        self._forgotten: list[socket.socket] = []
        self._lock = threading.Lock()
        self._is_over = False
        self._thread = threading.Thread(target=self._run, name="forgetful proxy", daemon=True)
        self.connections_made = 0

    @property
    def address(self) -> str:
        return f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"

    def forget_all(self) -> int:
        """Pass nothing on any more over the connections that exist, and return how many these are."""
        with self._lock:
            count = len(self._peers) // 2
            for connection in list(self._peers):
                self._selector.unregister(connection)
                self._forgotten.append(connection)
            self._peers.clear()
        return count

    def __enter__(self) -> ForgetfulProxy:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over = True
        self._thread.join(10)
        for connection in (*self._peers, *self._forgotten, self._listener):
            connection.close()
        self._selector.close()

    def _run(self) -> None:
        while not self._is_over:
            for key, _ in self._selector.select(0.05):
                with self._lock:
                    if key.fileobj is self._listener:
                        self._accept()
                    elif key.fileobj in self._peers:
                        self._pass(key.fileobj)

    def _accept(self) -> None:
        near, _ = self._listener.accept()
        self.connections_made += 1
        try:
            far = socket.create_connection(self._target, timeout=5)
        except OSError:
            near.close()
            return
        far.settimeout(5)
        near.settimeout(5)
        for connection, peer in ((near, far), (far, near)):
            self._peers[connection] = peer
            self._selector.register(connection, selectors.EVENT_READ)

    def _pass(self, connection: socket.socket) -> None:
        try:
            content = connection.recv(_PIECE_BYTES)
            if content:
                self._peers[connection].sendall(content)
                return
        except OSError:
            pass  # the end of one side is the end of the other
        peer = self._peers.pop(connection)
        self._peers.pop(peer)
        for each in (connection, peer):
            self._selector.unregister(each)
            each.close()
