"""A name server for one name."""

from __future__ import annotations

import threading
from types import TracebackType

from dnslib import QTYPE, RR, A, DNSRecord
from dnslib.server import DNSHandler, DNSServer
from typing_extensions import Self

NAME = "campus-headless.test."


class NameServer:
    """Says which addresses NAME has, as the name server of a cluster does for a headless Service."""

    def __init__(self, *addresses: str):
        """Starts it on a free port."""
        self.addresses = addresses
        self.asked = threading.Event()
        self._server = DNSServer(self, address="127.0.0.1", port=0)
        self._server.start_thread()
        self.port = self._server.server.server_address[1]

    def resolve(self, request: DNSRecord, _handler: DNSHandler) -> DNSRecord:
        """Answers one question."""
        self.asked.set()
        reply = request.reply()
        if request.q.qtype == QTYPE.A and str(request.q.qname) == NAME:
            for address in self.addresses:
                reply.add_answer(RR(NAME, QTYPE.A, rdata=A(address), ttl=1))
        return reply

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.stop()
        self._server.server.server_close()
