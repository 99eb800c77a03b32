"""Calls as they are made from threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, Generic

import grpc
from typing_extensions import Self

from ._kinds import Call, Response
from ._resume import Cursor, Follow
from .errors import CampusError, Cancelled, from_rpc_error
from .options import CallInfo, CallOptions, Defaults


class Requests(Iterator[Any]):
    """The requests of a stream; remembers what the source of them raised, of which gRPC tells nobody."""

    def __init__(self, source: Iterable[Any], make: Callable[[Any], Any], ahead: int = 0):
        """Takes what makes a request of an element, and how many are made ahead of the answers; 0 is any number."""
        self._room = threading.Semaphore(ahead) if ahead else None
        self._over = False
        self._source = iter(source)
        self._make = make
        self.failure: BaseException | None = None

    def __next__(self) -> Any:
        """Returns the next request."""
        if self._room is not None:
            self._room.acquire()
        if self._over:
            raise StopIteration
        try:
            return self._make(next(self._source))
        except StopIteration:
            raise
        except Exception as error:
            self.failure = error
            raise
        except BaseException as error:
            self.failure = error
            # gRPC ends the call for an Exception only: of SystemExit its thread dies, and the call would wait for ever.
            raise RuntimeError("the requests ended with what is no Exception") from error

    def answered(self, _answer: Any = None) -> None:
        """Makes room for another request."""
        if self._room is not None:
            self._room.release()

    def stop(self, _call: Any = None) -> None:
        """Ends the requests of a call that is over."""
        self._over = True
        self.answered()


def note(rpc: Any, options: CallOptions) -> None:
    """Fills in the `info` of a call that is over."""
    if "info" in options:
        options["info"].take(rpc.initial_metadata(), rpc.trailing_metadata())


class Stream(Iterator[Response], Generic[Response]):
    """What a server sends, as it comes. Leaving `with`, `close()` and dropping it cancel the call."""

    def __init__(
        self, start: Callable[[Cursor], Any], fail: Callable[[Any], BaseException], cursor: Cursor, info: CallInfo
    ):
        """Starts the call."""
        self._closed = threading.Event()
        self._start, self._fail, self._cursor, self._info = start, fail, cursor, info
        self._rpc = start(cursor)

    def __next__(self) -> Response:
        """Waits for the next message. Raises `CampusError` if the call fails, unless it can be taken up again."""
        while not self._closed.is_set():
            try:
                message: Response = next(self._rpc)
            except StopIteration:
                self._end()
                raise
            except grpc.RpcError as error:
                self._end()
                self._cut(error)
                continue
            if not self._info.initial_metadata:
                self._info.take(self._rpc.initial_metadata(), ())
            self._cursor.seen(message)
            return message
        raise StopIteration

    def _end(self) -> None:
        self._info.take(self._rpc.initial_metadata(), self._rpc.trailing_metadata())
        self._cursor.begun |= bool(self._info.initial_metadata)

    def _cut(self, error: grpc.RpcError) -> None:
        if self._closed.is_set():
            return
        failure = self._fail(error)
        if not isinstance(failure, CampusError):
            raise failure
        try:
            pause = self._cursor.pause(failure)
        except CampusError:
            raise failure from error
        if not self._closed.wait(pause):
            self._rpc = self._start(self._cursor)
            if self._closed.is_set():
                self._rpc.cancel()

    def close(self) -> None:
        """Cancels the call and ends the iteration, also from another thread."""
        self._closed.set()
        self._rpc.cancel()

    def __enter__(self) -> Self:
        """Returns itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Cancels the call."""
        self.close()

    def __del__(self) -> None:
        """Cancels the call."""
        if hasattr(self, "_rpc"):
            self.close()


class Caller:
    """Makes the calls of one service."""

    def __init__(self, stub: Any, service: str, target: str, defaults: Defaults):
        """Takes the generated stub, the full name of the service, and what calls have by default."""
        self._stub, self._service, self._target, self._defaults = stub, service, target, defaults
        self._closed = False

    def close(self) -> None:
        """Makes no more calls."""
        self._closed = True

    def _method(self, call: Call[Any]) -> Any:
        """Returns what makes the call. Raises `Cancelled` once the client is closed."""
        if self._closed:
            method = f"{self._service}/{call.method}"
            raise Cancelled("the client was closed before this call", method=method, target=self._target)
        return getattr(self._stub, call.method)

    def _error(self, call: Call[Any], error: Any) -> CampusError:
        return from_rpc_error(error, method=f"{self._service}/{call.method}", target=self._target)

    def unary(self, call: Call[Response], options: CallOptions) -> Response:
        """Sends one request and returns the answer."""
        return self._answer(call, call.request, self._defaults.arguments(options), options)

    def upload(self, call: Call[Response], source: Iterable[Any], options: CallOptions) -> Response:
        """Sends a request for each element and returns the answer. What the source raises is raised here."""
        requests = Requests(source, call.request)
        try:
            return self._answer(call, requests, self._defaults.arguments(options, stream=True), options)
        except CampusError:
            if requests.failure is not None:
                raise requests.failure from None
            raise

    def _answer(self, call: Call[Response], request: Any, arguments: dict[str, Any], options: CallOptions) -> Response:
        try:
            response: Response
            response, rpc = self._method(call).with_call(request, **arguments)
        except grpc.RpcError as error:
            note(error, options)
            raise self._error(call, error) from error
        note(rpc, options)
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
        self, call: Call[Response], source: Iterable[Any], options: CallOptions, *, ahead: int = 0
    ) -> Stream[Response]:
        """Sends a request for each element while the answers are read. What the source raises is raised there."""
        arguments = self._defaults.arguments(options, stream=True)
        requests = Requests(source, call.request, ahead)
        method = self._method(call)

        def fail(error: Any) -> BaseException:
            return requests.failure or self._error(call, error)

        def start(cursor: Cursor) -> Any:
            rpc = method(cursor.request, **arguments)
            if not rpc.add_callback(requests.stop):
                requests.stop()
            return rpc

        cursor = Cursor(requests, Requests.answered, 0.0, arguments["timeout"])
        return Stream(start, fail, cursor, options.get("info") or CallInfo())
