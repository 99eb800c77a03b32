"""What goes over a connection."""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType

from typing_extensions import Self


class Tap:
    """Stands between a client and a server, and keeps the bytes of both."""

    def __init__(self, port: int):
        """Takes the port of the server on 127.0.0.1."""
        self._port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.target = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._sent, self._received = bytearray(), bytearray()
        self._sockets: list[socket.socket] = []
        self._cutting = False
        self.cuts = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def sent(self) -> bytes:
        """Returns what the client has sent; headers that HPACK packs in Huffman code are not seen as they are."""
        return bytes(self._sent)

    def received(self) -> bytes:
        """Returns what the server has sent."""
        return bytes(self._received)

    def cut_at_the_next_request(self) -> None:
        """Lets the next bytes of the client pass, and cuts the connection instead of passing on the answer."""
        self._cutting = True

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._port))
                self._sockets += [client, server]
                for source, sink, kept in ((client, server, self._sent), (server, client, self._received)):
                    threading.Thread(target=self._copy, args=(source, sink, kept), daemon=True).start()

    def _copy(self, source: socket.socket, sink: socket.socket, kept: bytearray) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                kept += data
                if self._cutting and kept is self._received:
                    self._cutting = False
                    self.cuts += 1
                    source.shutdown(socket.SHUT_RDWR)
                    sink.shutdown(socket.SHUT_RDWR)
                    return
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for each in (self._listener, *self._sockets):
            each.close()
