"""Calls as they are made from asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Coroutine, Iterable
from types import TracebackType
from typing import Any, Generic

import grpc
from typing_extensions import Self

from .._kinds import Call, Response
from .._resume import Cursor, Follow
from ..errors import CampusError, Cancelled, from_rpc_error
from ..options import CallInfo, CallOptions, Defaults


class Requests(AsyncIterator[Any]):
    """The requests of a stream; remembers what the source of them raised, of which gRPC tells nobody."""

    def __init__(self, source: Iterable[Any] | AsyncIterable[Any], make: Callable[[Any], Any], ahead: int = 0):
        """Takes what makes a request of an element, and how many are made ahead of the answers; 0 is any number."""
        self._room = asyncio.Semaphore(ahead) if ahead else None
        self._over = False
        self._source = aiter(source) if isinstance(source, AsyncIterable) else _each(source)
        self._make = make
        self.failure: BaseException | None = None

    async def __anext__(self) -> Any:
        """Returns the next request."""
        if self._room is not None:
            await self._room.acquire()
        if self._over:
            raise StopAsyncIteration
        try:
            return self._make(await anext(self._source))
        except (StopAsyncIteration, asyncio.CancelledError, GeneratorExit):
            raise
        except BaseException as error:
            self.failure = error
            raise

    def answered(self, _answer: Any = None) -> None:
        """Makes room for another request."""
        if self._room is not None:
            self._room.release()

    def stop(self, _call: Any = None) -> None:
        """Ends the requests of a call that is over."""
        self._over = True
        self.answered()


async def _each(source: Iterable[Any]) -> AsyncIterator[Any]:
    for element in source:
        yield element


class Ended:
    """How a call ended first.

    When a request cannot be sent because the server has answered already, grpcio puts a status of its own in the place
    of the server's (https://github.com/grpc/grpc/issues/36066), before or after that has come.
    """

    def __init__(self, rpc: Any):
        """Takes a call that has been started."""
        self._first: grpc.aio.AioRpcError | None = None
        rpc.add_done_callback(self._take)

    def _take(self, rpc: Any) -> None:
        code, initial, trailing, details = (
            _now(of()) for of in (rpc.code, rpc.initial_metadata, rpc.trailing_metadata, rpc.details)
        )
        if self._first is None and code is not grpc.StatusCode.OK:
            self._first = grpc.aio.AioRpcError(code, initial, trailing, details)

    def error(self, error: Any) -> Any:
        """Returns what a call raised, or in its place the status that was there before."""
        overwritten = (error.code(), error.details()) == (grpc.StatusCode.INTERNAL, "Internal error from Core")
        return self._first if overwritten and self._first is not None else error


def _now(known: Coroutine[Any, Any, Any]) -> Any:
    """Returns what a call that is over tells without waiting."""
    try:
        known.send(None)
    except StopIteration as result:
        return result.value
    finally:
        known.close()
    return None


class Stream(AsyncIterator[Response], Generic[Response]):
    """What a server sends, as it comes. Leaving `async with`, `close()` and dropping it cancel the call.

    So does cancelling the task that waits for a message, as `asyncio.wait_for` does: `Cancelled` follows, no end.
    """

    def __init__(
        self, start: Callable[[Cursor], Any], fail: Callable[[Any], BaseException], cursor: Cursor, info: CallInfo
    ):
        """Starts the call."""
        self._closed = asyncio.Event()
        self._lost = False
        self._start, self._fail, self._cursor, self._info = start, fail, cursor, info
        self._open()

    async def __anext__(self) -> Response:
        """Waits for the next message. Raises `CampusError` if the call fails, unless it can be taken up again."""
        if self._lost:
            # To end the iteration would look as if the server had sent all.
            raise Cancelled("the call was cancelled, with the task that waited for its next message")
        while not self._closed.is_set():
            try:
                message: Response = await anext(self._messages)
            except StopAsyncIteration:
                await self._end(await self._rpc.trailing_metadata())
                raise
            except grpc.RpcError as raised:
                error = self._ended.error(raised)
                await self._end(error.trailing_metadata())
                await self._cut(error)
                continue
            except asyncio.CancelledError as error:
                self._cancelled(error)
                break
            if not self._info.initial_metadata:
                self._info.take(await self._rpc.initial_metadata(), ())
            self._cursor.seen(message)
            return message
        raise StopAsyncIteration

    def _open(self) -> None:
        self._rpc = self._start(self._cursor)
        self._ended = Ended(self._rpc)
        self._messages = aiter(self._rpc)

    async def _end(self, trailing: Any) -> None:
        self._info.take(await self._rpc.initial_metadata(), trailing)
        self._cursor.begun |= bool(self._info.initial_metadata)

    def _cancelled(self, error: asyncio.CancelledError) -> None:
        """Tells what cancelled the call: `close()`, requests that failed, the client, or that of this task."""
        if not self._closed.is_set():
            self.close()
            self._lost = True
            raise self._fail(error) from None

    async def _cut(self, error: grpc.RpcError) -> None:
        if self._closed.is_set():
            return
        failure = self._fail(error)
        if not isinstance(failure, CampusError):
            raise failure
        try:
            pause = self._cursor.pause(failure)
        except CampusError:
            raise failure from error
        try:
            await asyncio.wait_for(self._closed.wait(), pause)
        except asyncio.TimeoutError:
            self._open()

    def close(self) -> None:
        """Cancels the call and ends the iteration, also from another task."""
        self._closed.set()
        self._rpc.cancel()

    async def __aenter__(self) -> Self:
        """Returns itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        """Cancels the call."""
        self.close()

    def __del__(self) -> None:
        """Cancels the call."""
        if hasattr(self, "_rpc"):
            self._rpc.cancel()


class Caller:
    """Makes the calls of one service."""

    def __init__(self, stub: Any, service: str, target: str, defaults: Defaults):
        """Takes the generated stub, the full name of the service, and what calls have by default."""
        self._stub, self._service, self._target, self._defaults = stub, service, target, defaults
        self._closed = False

    def close(self) -> None:
        """Makes no more calls. What is cancelled from now on ends with `Cancelled`: nobody has cancelled its task."""
        self._closed = True

    def _method(self, call: Call[Any]) -> Any:
        """Returns what makes the call. Raises `Cancelled` once the client is closed."""
        if self._closed:
            method = f"{self._service}/{call.method}"
            raise Cancelled("the client was closed before this call", method=method, target=self._target)
        return getattr(self._stub, call.method)

    def _error(self, call: Call[Any], error: grpc.RpcError | asyncio.CancelledError) -> BaseException:
        method = f"{self._service}/{call.method}"
        if isinstance(error, grpc.RpcError):
            return from_rpc_error(error, method=method, target=self._target)
        return Cancelled("the client was closed", method=method, target=self._target) if self._closed else error

    async def unary(self, call: Call[Response], options: CallOptions) -> Response:
        """Sends one request and returns the answer."""
        return await self._answer(call, call.request, self._defaults.arguments(options), options)

    async def upload(
        self, call: Call[Response], source: Iterable[Any] | AsyncIterable[Any], options: CallOptions
    ) -> Response:
        """Sends a request for each element and returns the answer. What the source raises is raised here."""
        requests = Requests(source, call.request)
        try:
            return await self._answer(call, requests, self._defaults.arguments(options, stream=True), options)
        except (CampusError, asyncio.CancelledError):
            if requests.failure is not None:
                raise requests.failure from None
            raise

    async def _answer(
        self, call: Call[Response], request: Any, arguments: dict[str, Any], options: CallOptions
    ) -> Response:
        info = options.get("info") or CallInfo()
        rpc = self._method(call)(request, **arguments)
        ended = Ended(rpc)
        try:
            response: Response = await rpc
        except grpc.RpcError as raised:
            error = ended.error(raised)
            info.take(await rpc.initial_metadata(), error.trailing_metadata())
            raise self._error(call, error) from error
        except asyncio.CancelledError as cancelled:
            raise self._error(call, cancelled) from None
        info.take(await rpc.initial_metadata(), await rpc.trailing_metadata())
        return response

    def stream(
        self, call: Call[Response], options: CallOptions, *, follow: Follow | None = None, resume_for: float = 0.0
    ) -> Stream[Response]:
        """Sends one request and returns what comes; `follow` says how it goes on after a cut."""
        arguments = self._defaults.arguments(options, stream=True)
        method = self._method(call)

        def start(cursor: Cursor) -> Any:
            return method(cursor.request, **{**arguments, "timeout": cursor.timeout()})

        cursor = Cursor(call.request, follow, resume_for, arguments["timeout"])
        return Stream(start, lambda error: self._error(call, error), cursor, options.get("info") or CallInfo())

    def exchange(
        self,
        call: Call[Response],
        source: Iterable[Any] | AsyncIterable[Any],
        options: CallOptions,
        *,
        ahead: int = 0,
    ) -> Stream[Response]:
        """Sends a request for each element while the answers are read. What the source raises is raised there."""
        arguments = self._defaults.arguments(options, stream=True)
        requests = Requests(source, call.request, ahead)
        method = self._method(call)

        def fail(error: Any) -> BaseException:
            return requests.failure or self._error(call, error)

        def start(cursor: Cursor) -> Any:
            rpc = method(cursor.request, **arguments)
            rpc.add_done_callback(requests.stop)
            return rpc

        cursor = Cursor(requests, Requests.answered, 0.0, arguments["timeout"])
        return Stream(start, fail, cursor, options.get("info") or CallInfo())
