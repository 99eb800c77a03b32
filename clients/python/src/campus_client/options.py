"""What a call can be told beside its request."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc
from typing_extensions import TypedDict

Pairs = Sequence[tuple[str, str | bytes]]
"""Metadata as gRPC has it: a key may occur more than once; a key that ends with `-bin` has bytes."""
Metadata = Mapping[str, str | bytes] | Pairs
"""Metadata as calls take it."""


@dataclass
class CallInfo:
    """Give one to a call as `info` to see what came with its answer, also if the call fails."""

    initial_metadata: Pairs = ()
    """What the server sent before its first answer."""
    trailing_metadata: Pairs = ()
    """What the server sent with its status; of a stream, empty until its end."""

    def take(self, initial: Any, trailing: Any) -> None:
        """Takes what grpcio gives, which is None where nothing came."""
        self.initial_metadata = tuple((key, value) for key, value in initial or ())
        self.trailing_metadata = tuple((key, value) for key, value in trailing or ())


class CallOptions(TypedDict, total=False):
    """Keyword arguments of every call; what is left out is as `connect` was told."""

    timeout: float | None
    """Longest time of the whole call in seconds, retries included; None is none. For `list`, that of each page."""
    metadata: Metadata
    """Sent with the call, after that of `connect`."""
    compression: grpc.Compression
    """How requests are compressed; the servers then compress their answers alike."""
    wait_for_ready: bool
    """Whether the call waits, as long as its time allows, until a server can be reached, instead of failing."""
    info: CallInfo
    """Takes the metadata of the answer."""


def known(options: CallOptions) -> CallOptions:
    """Returns the options. Raises `TypeError` if one is not of `CallOptions`: a wrong word must not be passed over."""
    unknown = sorted(options.keys() - CallOptions.__annotations__.keys())
    if unknown:
        takes = ", ".join(CallOptions.__annotations__)
        raise TypeError(f"there is no argument {', '.join(unknown)}; beside its own a call takes {takes}")
    return options


def pairs(metadata: Metadata) -> list[tuple[str, str | bytes]]:
    """Returns metadata as gRPC wants it."""
    return list(metadata.items() if isinstance(metadata, Mapping) else metadata)


# gRPC counts in nanoseconds of 64 bits, in which what is longer has ended already.
_LONGEST = 100 * 365 * 86400.0


def seconds(timeout: float | None) -> float | None:
    """Returns a time as gRPC can have it; what is longer than a century, such as infinity, is none."""
    if timeout is None or timeout <= _LONGEST:
        return timeout
    if math.isnan(timeout):
        raise ValueError("timeout is not a number")
    return None


@dataclass(frozen=True)
class Defaults:
    """What holds for a call that does not say otherwise."""

    timeout: float | None = 10.0
    metadata: Metadata = field(default_factory=tuple)
    compression: grpc.Compression | None = None
    wait_for_ready: bool = False

    def arguments(self, options: CallOptions, *, stream: bool = False) -> dict[str, Any]:
        """Returns the keyword arguments of grpcio. A stream ends when it ends: it has no time by default."""
        known(options)
        compression = options.get("compression", self.compression)
        if compression is not None and not isinstance(compression, grpc.Compression):
            raise TypeError(
                f"compression is {compression!r}: give one of grpc.Compression, such as grpc.Compression.Gzip"
            )
        return {
            "timeout": seconds(options.get("timeout", None if stream else self.timeout)),
            "metadata": tuple(pairs(self.metadata) + pairs(options.get("metadata", ()))),
            "compression": compression,
            "wait_for_ready": options.get("wait_for_ready", self.wait_for_ready),
        }
