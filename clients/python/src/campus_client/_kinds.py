"""The requests of the standard methods, once for every kind of record and for both ways to call."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Generic, TypeVar

from google.protobuf.field_mask_pb2 import FieldMask

Record = TypeVar("Record")
Change = TypeVar("Change")
Summary = TypeVar("Summary")
Answer = TypeVar("Answer")
Response = TypeVar("Response")

Mask = str | Iterable[str] | FieldMask | None
"""Fields of a record, as `"given_name,email"` or `["given_name", "email"]`; empty and None mean all of them."""


@dataclass(frozen=True)
class Call(Generic[Response]):
    """A method and what is sent to it: a message, or what makes one of each element of a stream."""

    method: str
    request: Any


@dataclass(frozen=True)
class Page(Generic[Record]):
    """One page of a list."""

    records: Sequence[Record]
    """The records, in order."""
    next_page_token: str
    """What gets the next page; empty on the last one."""


def field_mask(mask: Mask) -> FieldMask | None:
    """Returns the mask, or None for an empty one."""
    if isinstance(mask, FieldMask):
        mask = mask.paths
    paths = [path.strip() for path in (mask.split(",") if isinstance(mask, str) else mask or ())]
    paths = [path for path in paths if path]
    return FieldMask(paths=paths) if paths else None


NamesT = TypeVar("NamesT")


def several(names: NamesT) -> NamesT:
    """Returns the names. Raises `TypeError` for a single one, of which each letter would be a name."""
    if isinstance(names, str):
        raise TypeError(f"names are a list, or another iterable: write [{names!r}]")
    return names


# How many names are sent ahead of their answers. A server ends a connection on which tens of thousands of small
# messages wait for a client that is slow.
MOST_AHEAD = 1000


class Kind(Generic[Record, Change, Summary, Answer]):
    """A kind of record: its messages, found by its name."""

    def __init__(self, messages: ModuleType, noun: str):
        """Takes the generated module and the name of the record's message."""
        self._messages = messages
        self._noun = noun
        self._field = noun.lower()

    def _call(self, method: str, **fields: Any) -> Call[Any]:
        return Call(method, getattr(self._messages, f"{method}Request")(**fields))

    def create(self, record: Record, record_id: str, request_id: str) -> Call[Record]:
        """Always has a request_id, so that gRPC may repeat it."""
        fields = {self._field: record, f"{self._field}_id": record_id}
        return self._call(f"Create{self._noun}", **fields, request_id=request_id or str(uuid.uuid4()))

    def get(self, name: str, read_mask: Mask) -> Call[Record]:
        return self._call(f"Get{self._noun}", name=name, read_mask=field_mask(read_mask))

    def batch_get(self, names: Iterable[str], read_mask: Mask) -> Call[Any]:
        return self._call(f"BatchGet{self._noun}s", names=several(names), read_mask=field_mask(read_mask))

    def list(self, read_mask: Mask, **fields: Any) -> Call[Any]:
        return self._call(f"List{self._noun}s", **fields, read_mask=field_mask(read_mask))

    def update(self, record: Record, update_mask: Mask, allow_missing: bool) -> Call[Record]:
        fields = {self._field: record, "update_mask": field_mask(update_mask)}
        return self._call(f"Update{self._noun}", **fields, allow_missing=allow_missing)

    def delete(self, name: str, etag: str, allow_missing: bool) -> Call[Any]:
        return self._call(f"Delete{self._noun}", name=name, etag=etag, allow_missing=allow_missing)

    def stream(self, filter: str, after: str, read_mask: Mask) -> Call[Record]:
        """Always asks for the name, which says where the stream goes on after a cut."""
        mask = field_mask(read_mask)
        if mask is not None and not {"name", "*"} & set(mask.paths):
            mask.paths.append("name")
        return self._call(f"Stream{self._noun}s", filter=filter, after=after, read_mask=mask)

    def watch(self, filter: str, resume_token: str) -> Call[Change]:
        return self._call(f"Watch{self._noun}s", filter=filter, resume_token=resume_token)

    def import_(self) -> Call[Summary]:
        request = getattr(self._messages, f"Import{self._noun}sRequest")
        make: Callable[[Record], Any] = lambda record: request(**{self._field: record})  # noqa: E731
        return Call(f"Import{self._noun}s", make)

    def lookup(self) -> Call[Answer]:
        request = getattr(self._messages, f"Lookup{self._noun}sRequest")
        make: Callable[[str], Any] = lambda name: request(name=name)  # noqa: E731
        return Call(f"Lookup{self._noun}s", make)

    def records(self, response: Any) -> Sequence[Record]:
        """Returns the records of a response that has several."""
        return tuple(getattr(response, f"{self._field}s"))

    def page(self, response: Any) -> Page[Record]:
        return Page(self.records(response), response.next_page_token)


def after_record(request: Any, record: Any) -> None:
    """Lets a stream go on after this record."""
    request.after = record.name


def after_change(request: Any, change: Any) -> None:
    """Lets a watch go on after this change."""
    request.resume_token = change.resume_token
