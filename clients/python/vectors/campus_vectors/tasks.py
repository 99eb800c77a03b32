"""Calls through the client for asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from campus_client import CampusError
from campus_client._kinds import Call
from campus_client.aio import Campus, Stream
from campus_client.aio._calls import Caller
from campus_client.options import Defaults

from . import messages
from .calls import Plan, RawStub, Seen


class Tasks:
    """Calls any method."""

    def __init__(self, campus: Campus):
        """Uses the channel of a client."""
        self._callers = {
            service.full_name: Caller(RawStub(campus.channel, service), service.full_name, campus.target, Defaults())
            for service in messages.services()
        }

    async def call(self, plan: Plan) -> Seen:
        """Calls, until the call has ended or is to be cancelled."""
        caller = self._callers[plan.method.containing_service.full_name]
        sent, ended = asyncio.Event(), asyncio.Event()

        async def requests() -> AsyncIterator[bytes]:
            for request in plan.requests:
                yield request
            sent.set()
            if plan.stays_open:
                await ended.wait()

        call: Call[bytes] = Call(plan.method.name, bytes if plan.method.client_streaming else plan.requests[0])
        try:
            match messages.shape(plan.method):
                case "unary_unary":
                    plan.seen.received(await caller.unary(call, plan.options))
                case "stream_unary":
                    await self._upload(plan, asyncio.ensure_future(caller.upload(call, requests(), plan.options)), sent)
                case "unary_stream":
                    sent.set()
                    await self._read(plan, caller.stream(call, plan.options), sent)
                case _:
                    await self._read(plan, caller.exchange(call, requests(), plan.options), sent)
        except CampusError as error:
            plan.seen.failed(error)
        finally:
            ended.set()
        return plan.seen

    async def _upload(self, plan: Plan, task: asyncio.Future[bytes], sent: asyncio.Event) -> None:
        if plan.cancel:
            await sent.wait()
            task.cancel()
        try:
            plan.seen.received(await task)
        except asyncio.CancelledError:
            plan.seen.cancelled()

    async def _read(self, plan: Plan, stream: Stream[bytes], sent: asyncio.Event) -> None:
        rpc: Any = stream._rpc
        async with stream:
            if plan.cancel == "after-requests":
                await sent.wait()
                await rpc.wait_for_connection()
            elif plan.cancel:
                plan.seen.info.take(await rpc.initial_metadata(), ())
            while not plan.cancel and plan.most != len(plan.seen.responses):
                try:
                    plan.seen.received(await anext(stream))
                except StopAsyncIteration:
                    return
        plan.seen.cancelled()
