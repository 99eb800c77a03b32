"""The address book, as it is called from threads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from typing_extensions import Unpack

from ._calls import Caller, Stream
from ._kinds import Call
from .options import CallOptions
from .pb.personguide.personguide_pb2 import Adress, Person, PhoneNumber


class People:
    """The people of the address book, known by a number."""

    def __init__(self, caller: Caller):
        """Is for `Campus` to make."""
        self._caller = caller

    def get_phone(self, person_id: int, **options: Unpack[CallOptions]) -> PhoneNumber:
        """Returns the first phone of a person. Raises `NotFound` if the id is unknown or the person has no phone."""
        return self._caller.unary(Call("GetPhone", Person(id=person_id)), options)

    def list_persons(self, **options: Unpack[CallOptions]) -> Stream[Person]:
        """Returns everybody, in the order of the ids."""
        return self._caller.stream(Call("ListPersons", Adress()), options)

    def record_persons(self, people: Iterable[Person], **options: Unpack[CallOptions]) -> Sequence[Person]:
        """Stores all of them, at most 10,000, or none, and returns them as they are stored.

        Raises `InvalidArgument` with every fault of the first person who breaks a rule.
        """
        return tuple(self._caller.upload(Call("RecordPersons", itself), people, options).people)

    def route_phones(self, person_ids: Iterable[int], **options: Unpack[CallOptions]) -> Stream[PhoneNumber]:
        """Returns all phones of each person, as the ids are read; an unknown id has none.

        Ids are sent as fast as they come; a server ends a connection on which tens of thousands of phones wait.
        """
        return self._caller.exchange(Call("RoutePhones", by_id), person_ids, options)


def itself(person: Person) -> Person:
    """Returns the request that a person is."""
    return person


def by_id(person_id: int) -> Person:
    """Returns the request that says who is meant."""
    return Person(id=person_id)
