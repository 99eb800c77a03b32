"""What a call sends and what it comes to, whichever way it is made."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.descriptor import MethodDescriptor

from campus_client import CallInfo, CallOptions, CampusError, Compression

from . import compare, messages
from .values import Fault, Json, Names


class RawStub:
    """A service whose messages stay the bytes that they are."""

    def __init__(self, channel: Any, service: Any):
        """Takes a channel of either kind."""
        for method in service.methods:
            call = getattr(channel, messages.shape(method))
            setattr(self, method.name, call(f"/{service.full_name}/{method.name}"))


def methods() -> dict[str, MethodDescriptor]:
    """Returns the methods by `package.Service/Method`."""
    return {f"{s.full_name}/{method.name}": method for s in messages.services() for method in s.methods}


@dataclass
class Seen:
    """What a call has come to."""

    method: MethodDescriptor
    info: CallInfo = field(default_factory=CallInfo)
    code: str = "OK"
    message: str = ""
    details: list[Json] = field(default_factory=list)
    responses: list[Json] = field(default_factory=list)

    def received(self, response: bytes) -> None:
        """Takes a response."""
        try:
            self.responses.append(messages.decode(self.method.output_type, response))
        except Fault as fault:
            raise Fault(f"responses[{len(self.responses)}]: {fault}") from fault

    def failed(self, error: CampusError) -> None:
        """Takes the error that has ended the call."""
        self.code, self.message = error.code.name, error.message
        self.details = [messages.detail(detail) for detail in error.details]

    def cancelled(self) -> None:
        """The runner has cancelled the call."""
        self.code, self.message = "CANCELLED", "cancelled by the vector"


@dataclass(frozen=True)
class Plan:
    """What a step of gRPC asks for."""

    method: MethodDescriptor
    requests: list[bytes]
    options: CallOptions
    stays_open: bool
    cancel: str
    most: int | None
    """How many responses are read before the call is cancelled; None is all."""
    seen: Seen

    @classmethod
    def of(cls, step: Json, known: dict[str, MethodDescriptor]) -> Plan:
        """Reads a step whose values are filled in. Raises `Fault` if it makes no sense."""
        method = known.get(step["method"])
        if method is None:
            raise Fault(f"there is no method {step['method']!r}")
        requests = []
        for at, request in enumerate(step.get("requests", [])):
            try:
                requests.append(messages.encode(method.input_type, request))
            except Fault as fault:
                raise Fault(f"requests[{at}]: {fault}") from fault
        if not method.client_streaming and len(requests) != 1:
            raise Fault(f"requests: {step['method']} takes exactly one")
        seen = Seen(method)
        options = CallOptions(timeout=_seconds(step.get("timeout", "30s")), metadata=_pairs(step), info=seen.info)
        if "compression" in step:
            options["compression"] = Compression.Gzip
        cancel = step.get("cancel", "")
        counted = cancel["after-responses"] if isinstance(cancel, dict) else None
        stays_open = step.get("hold", False) or (bool(cancel) and method.client_streaming)
        return cls(method, requests, options, stays_open, "" if counted is not None else cancel, counted, seen)


def _seconds(text: str) -> float:
    try:
        return float(text.removesuffix("s"))
    except ValueError:
        raise Fault(f'timeout: {text!r} is not such as "0.5s"') from None


def _pairs(step: Json) -> list[tuple[str, str | bytes]]:
    pairs: list[tuple[str, str | bytes]] = []
    for key, values in step.get("metadata", {}).items():
        for value in [values] if isinstance(values, str) else values:
            pairs.append((key, base64.b64decode(value, validate=True) if key.endswith("-bin") else value))
    return pairs


def check(expected: Json, seen: Seen, names: Names) -> list[str]:
    """Compares what a call has come to with what was expected; returns what of that grpcio does not show."""
    code = expected.get("code", "OK")
    if seen.code != code:
        raise Fault(f"code: expected {code}, got {seen.code}: {seen.message}")
    if expected.get("message", "") not in seen.message:
        raise Fault(f"message: expected {expected['message']!r} in {seen.message!r}")
    for key in ("details", "responses"):
        if key in expected:
            compare.same(key, expected[key], getattr(seen, key), names)
    compare.includes(expected.get("includes", []), seen.responses, names)
    for key, metadata in (("headers", seen.info.initial_metadata), ("trailers", seen.info.trailing_metadata)):
        compare.headers(key, expected.get(key, {}), lambda name, pairs=metadata: _values(pairs, name), names)  # type: ignore[misc]
    return ["encoding"] if "encoding" in expected else []


def _values(metadata: Any, key: str) -> list[str]:
    values = [value for name, value in metadata if name == key]
    return [base64.b64encode(value).decode() if isinstance(value, bytes) else value for value in values]
