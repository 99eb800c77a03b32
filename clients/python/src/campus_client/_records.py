"""The standard methods of a kind of record, as they are called from threads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Generic

from typing_extensions import Unpack

from ._calls import Caller, Stream
from ._kinds import (
    MOST_AHEAD,
    Answer,
    Call,
    Change,
    Kind,
    Mask,
    Page,
    Record,
    Summary,
    after_change,
    after_record,
    several,
)
from .options import CallOptions, known


class Listing(Iterable[Record]):
    """All records of a list, fetched page by page while it is iterated; each iteration begins anew."""

    def __init__(self, kind: Kind[Record, Any, Any, Any], caller: Caller, call: Call[Any], options: CallOptions):
        """Makes no call."""
        self._kind, self._caller, self._call, self._options = kind, caller, call, known(options)

    def __iter__(self) -> Iterator[Record]:
        """Returns the records one by one."""
        for page in self.pages():
            yield from page.records

    def pages(self) -> Iterator[Page[Record]]:
        """Returns the pages one by one."""
        request = type(self._call.request)()
        request.CopyFrom(self._call.request)
        while True:
            page = self._kind.page(self._caller.unary(Call(self._call.method, request), self._options))
            yield page
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token


class Records(Generic[Record, Change, Summary, Answer]):
    """Employees or students. Every method takes the keyword arguments of `CallOptions` and raises `CampusError`."""

    def __init__(self, kind: Kind[Record, Change, Summary, Answer], caller: Caller):
        """Is for `Campus` to make."""
        self._kind, self._caller = kind, caller

    def create(
        self, record: Record, record_id: str = "", *, request_id: str = "", **options: Unpack[CallOptions]
    ) -> Record:
        """Adds a record and returns it; an empty id lets the server choose one. Raises `AlreadyExists`.

        `request_id` (a UUID) makes it safe to call again after an error; without one, each call has its own.
        """
        return self._caller.unary(self._kind.create(record, record_id, request_id), options)

    def get(self, name: str, *, read_mask: Mask = (), **options: Unpack[CallOptions]) -> Record:
        """Returns one record. Raises `NotFound`."""
        return self._caller.unary(self._kind.get(name, read_mask), options)

    def batch_get(
        self, names: Iterable[str], *, read_mask: Mask = (), **options: Unpack[CallOptions]
    ) -> Sequence[Record]:
        """Returns the named records, at most 1,000, in the order of the names. Raises `NotFound` if one is unknown."""
        return self._kind.records(self._caller.unary(self._kind.batch_get(names, read_mask), options))

    def list(
        self,
        *,
        filter: str = "",
        order_by: str = "",
        page_size: int = 0,
        page_token: str = "",
        read_mask: Mask = (),
        **options: Unpack[CallOptions],
    ) -> Listing[Record]:
        """Returns all records that match, fetched in pages of `page_size` (0: as the server likes)."""
        call = self._kind.list(read_mask, filter=filter, order_by=order_by, page_size=page_size, page_token=page_token)
        return Listing(self._kind, self._caller, call, options)

    def update(
        self, record: Record, update_mask: Mask = (), *, allow_missing: bool = False, **options: Unpack[CallOptions]
    ) -> Record:
        """Changes the fields of the mask, or those that are set, and returns the record.

        Raises `NotFound`, and `Aborted` if the record has an etag that is not the stored one.
        """
        return self._caller.unary(self._kind.update(record, update_mask, allow_missing), options)

    def delete(self, name: str, *, etag: str = "", allow_missing: bool = False, **options: Unpack[CallOptions]) -> None:
        """Removes a record for good. Raises `NotFound`, and `Aborted` if `etag` is not the stored one."""
        self._caller.unary(self._kind.delete(name, etag, allow_missing), options)

    def stream(
        self,
        *,
        filter: str = "",
        after: str = "",
        read_mask: Mask = (),
        resume_for: float = 60.0,
        **options: Unpack[CallOptions],
    ) -> Stream[Record]:
        """Returns every record that matches, in key order, after the name `after`; `name` is always read.

        If it is cut, it goes on where it was; the error is raised after `resume_for` seconds without any record.
        """
        call = self._kind.stream(filter, after, read_mask)
        return self._caller.stream(call, options, follow=after_record, resume_for=resume_for)

    def watch(
        self, *, filter: str = "", resume_token: str = "", resume_for: float = 60.0, **options: Unpack[CallOptions]
    ) -> Stream[Change]:
        """Returns every change after the token, or from now on, and marks of progress, which have no record.

        If it is cut, it goes on where it was; the error is raised after `resume_for` seconds without any message.
        Raises `OutOfRange` if the changes after the token are no longer kept.
        """
        call = self._kind.watch(filter, resume_token)
        return self._caller.stream(call, options, follow=after_change, resume_for=resume_for)

    def import_(self, records: Iterable[Record], **options: Unpack[CallOptions]) -> Summary:
        """Writes each record, new or replacing, and returns the server's summary; safe to repeat.

        What `records` raises is raised here; records before it may be written.
        """
        return self._caller.upload(self._kind.import_(), records, options)

    def lookup(self, names: Iterable[str], **options: Unpack[CallOptions]) -> Stream[Answer]:
        """Returns an answer to each name, in their order and as they come: the record, or the status that says why not.

        A thread of its own reads `names`, at most 1,000 ahead of the answers.
        `from_status` makes an exception of a status.
        """
        return self._caller.exchange(self._kind.lookup(), several(names), options, ahead=MOST_AHEAD)
