"""The address book, as it is called from asyncio."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Sequence

from typing_extensions import Unpack

from .._kinds import Call
from .._people import by_id, itself
from ..options import CallOptions
from ..pb.personguide.personguide_pb2 import Adress, Person, PhoneNumber
from ._calls import Caller, Stream


class People:
    """The people of the address book, known by a number."""

    def __init__(self, caller: Caller):
        """Is for `Campus` to make."""
        self._caller = caller

    async def get_phone(self, person_id: int, **options: Unpack[CallOptions]) -> PhoneNumber:
        """Returns the first phone of a person. Raises `NotFound` if the id is unknown or the person has no phone."""
        return await self._caller.unary(Call("GetPhone", Person(id=person_id)), options)

    def list_persons(self, **options: Unpack[CallOptions]) -> Stream[Person]:
        """Returns everybody, in the order of the ids."""
        return self._caller.stream(Call("ListPersons", Adress()), options)

    async def record_persons(
        self, people: Iterable[Person] | AsyncIterable[Person], **options: Unpack[CallOptions]
    ) -> Sequence[Person]:
        """Stores all of them, at most 10,000, or none, and returns them as they are stored.

        Raises `InvalidArgument` with every fault of the first person who breaks a rule.
        """
        return tuple((await self._caller.upload(Call("RecordPersons", itself), people, options)).people)

    def route_phones(
        self, person_ids: Iterable[int] | AsyncIterable[int], **options: Unpack[CallOptions]
    ) -> Stream[PhoneNumber]:
        """Returns all phones of each person, as the ids are read; an unknown id has none.

        Ids are sent as fast as they come; a server ends a connection on which tens of thousands of phones wait.
        """
        return self._caller.exchange(Call("RoutePhones", by_id), person_ids, options)
