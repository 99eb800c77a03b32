"""Calls through the client for threads."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from campus_client import Campus, CampusError, Stream
from campus_client._calls import Caller
from campus_client._kinds import Call
from campus_client.options import Defaults

from . import messages
from .calls import Plan, RawStub, Seen


class _Cancelled(Exception):
    """Raised by the requests of a call to cancel it."""


class Threads:
    """Calls any method."""

    def __init__(self, campus: Campus):
        """Uses the channel of a client."""
        self._callers = {
            service.full_name: Caller(RawStub(campus.channel, service), service.full_name, campus.target, Defaults())
            for service in messages.services()
        }

    def call(self, plan: Plan) -> Seen:
        """Calls, until the call has ended or is to be cancelled."""
        caller = self._callers[plan.method.containing_service.full_name]
        sent, ended = threading.Event(), threading.Event()

        def requests() -> Iterator[bytes]:
            yield from plan.requests
            sent.set()
            if plan.cancel and not plan.method.server_streaming:
                raise _Cancelled
            if plan.stays_open:
                ended.wait()

        call: Call[bytes] = Call(plan.method.name, bytes if plan.method.client_streaming else plan.requests[0])
        try:
            match messages.shape(plan.method):
                case "unary_unary":
                    plan.seen.received(caller.unary(call, plan.options))
                case "stream_unary":
                    plan.seen.received(caller.upload(call, requests(), plan.options))
                case "unary_stream":
                    sent.set()
                    self._read(plan, caller.stream(call, plan.options), sent)
                case _:
                    self._read(plan, caller.exchange(call, requests(), plan.options), sent)
        except CampusError as error:
            plan.seen.failed(error)
        except _Cancelled:
            plan.seen.cancelled()
        finally:
            ended.set()
        return plan.seen

    def _read(self, plan: Plan, stream: Stream[bytes], sent: threading.Event) -> None:
        with stream:
            if plan.cancel == "after-requests":
                sent.wait()
            elif plan.cancel:
                rpc: Any = stream._rpc
                with suppress(CampusError):
                    plan.seen.info.take(rpc.initial_metadata(), ())
            while not plan.cancel and plan.most != len(plan.seen.responses):
                try:
                    plan.seen.received(next(stream))
                except StopIteration:
                    return
        plan.seen.cancelled()
