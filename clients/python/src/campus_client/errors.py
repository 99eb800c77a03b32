"""What calls raise: one exception for each status code, with the details that the server sent."""

from __future__ import annotations

from typing import Any, TypeVar

import google.rpc.error_details_pb2 as error_details
import grpc
from google.protobuf import message as protobuf
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

Detail = TypeVar("Detail", bound=protobuf.Message)

# Where gRPC carries google.rpc.Status.
_STATUS_KEY = "grpc-status-details-bin"
# What google.rpc.Status may hold, by full name.
_DETAILS: dict[str, type[protobuf.Message]] = {
    descriptor.full_name: getattr(error_details, descriptor.name)
    for descriptor in error_details.DESCRIPTOR.message_types_by_name.values()
}


class CampusError(Exception):
    """A call that did not end with OK. Each status code but OK has a class of its own below this one."""

    code: grpc.StatusCode = grpc.StatusCode.UNKNOWN
    """The status code of the call."""

    def __init__(self, message: str, *, details: tuple[protobuf.Message, ...] = (), method: str = "", target: str = ""):
        """Takes the status message, the decoded details, the full name of the method and the target called."""
        super().__init__(message)
        self.message = message
        self.details = details
        self.method = method
        self.target = target

    def __str__(self) -> str:
        where = " at ".join(part for part in (self.method, self.target) if part)
        text = f"{self.code.name}: {self.message}"
        return f"{text} ({where})" if where else text

    def detail(self, kind: type[Detail]) -> Detail | None:
        """Returns the first detail of this type (of `google.rpc.error_details_pb2`), if the server sent one."""
        return next((detail for detail in self.details if isinstance(detail, kind)), None)

    @property
    def reason(self) -> str:
        """The reason of `ErrorInfo`, an identifier in capitals such as `ETAG_MISMATCH`; empty if there is none."""
        info = self.detail(ErrorInfo)
        return info.reason if info else ""

    @property
    def violations(self) -> tuple[BadRequest.FieldViolation, ...]:
        """The faults of the request, by field."""
        bad = self.detail(BadRequest)
        return tuple(bad.field_violations) if bad else ()

    @property
    def retry_delay(self) -> float | None:
        """Seconds to wait before the call is tried again, if the server said so."""
        retry = self.detail(RetryInfo)
        return retry.retry_delay.ToTimedelta().total_seconds() if retry else None


class Cancelled(CampusError):
    """The call was cancelled, as a rule by this client."""


class Unknown(CampusError):
    """The server, or who is between, gave no usable status."""


class InvalidArgument(CampusError):
    """The request breaks a rule; `violations` has every fault."""


class DeadlineExceeded(CampusError):
    """The time of the call was over; a write may be done or not."""


class NotFound(CampusError):
    """There is no such record."""


class AlreadyExists(CampusError):
    """The id is taken."""


class PermissionDenied(CampusError):
    """Who calls may not."""


class ResourceExhausted(CampusError):
    """A limit of the server, or of the size of messages, is reached."""


class FailedPrecondition(CampusError):
    """The state of the records does not allow it."""


class Aborted(CampusError):
    """The record is no longer the one that was read: its etag differs."""


class OutOfRange(CampusError):
    """The changes after this resume token are no longer kept."""


class Unimplemented(CampusError):
    """The server does not know the method."""


class Internal(CampusError):
    """A fault of the server, or an answer that cannot be read."""


class Unavailable(CampusError):
    """No server can be reached, or it cannot serve now; try again later."""


class DataLoss(CampusError):
    """Records are damaged."""


class Unauthenticated(CampusError):
    """Who calls has not said who it is."""


_CLASSES: dict[grpc.StatusCode, type[CampusError]] = {}
for _code in grpc.StatusCode:
    _class = globals().get(_code.name.title().replace("_", ""))
    if _class is not None:
        _class.code = _code
        _CLASSES[_code] = _class
_NUMBERS: dict[int, grpc.StatusCode] = {code.value[0]: code for code in grpc.StatusCode}


def from_status(status: Status, *, method: str = "", target: str = "") -> CampusError:
    """Makes the exception of a `google.rpc.Status`, such as an answer of `lookup` or a rejection of `import_` holds."""
    code = _NUMBERS.get(status.code, grpc.StatusCode.UNKNOWN)
    details = tuple(_decode(detail) for detail in status.details)
    return _CLASSES.get(code, Unknown)(status.message, details=details, method=method, target=target)


def from_rpc_error(error: Any, *, method: str, target: str) -> CampusError:
    """Makes the exception of one of grpcio, sync or asyncio."""
    status = _carried(error.trailing_metadata() or ())
    if status is None or status.code != error.code().value[0]:
        status = Status()
    status.code = error.code().value[0]
    status.message = error.details() or ""
    return from_status(status, method=method, target=target)


def _carried(metadata: Any) -> Status | None:
    for key, value in metadata:
        if key == _STATUS_KEY:
            try:
                return Status.FromString(value)
            except protobuf.DecodeError:
                return None
    return None


def _decode(detail: Any) -> protobuf.Message:
    """Unpacks a detail; one of an unknown type, or that cannot be read, stays the `Any` that it is."""
    kind = _DETAILS.get(detail.TypeName())
    try:
        return detail if kind is None else kind.FromString(detail.value)
    except protobuf.DecodeError:
        return detail  # type: ignore[no-any-return]
