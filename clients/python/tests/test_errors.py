"""What calls raise."""

from __future__ import annotations

import time
from collections.abc import Callable

import grpc
import pytest
from google.rpc.error_details_pb2 import ErrorInfo, ResourceInfo
from google.rpc.status_pb2 import Status
from servers import Server

import campus_client
from campus_client import Campus, CampusError, Employee, Person, aio

Ids = Callable[[str], str]


def test_an_error_says_what_was_called_and_has_its_details(campus: Campus) -> None:
    with pytest.raises(campus_client.NotFound) as caught:
        campus.employees.get("employees/nobody")
    error = caught.value
    assert error.code is grpc.StatusCode.NOT_FOUND
    assert error.method == "campus.employee.v1.EmployeeService/GetEmployee"
    assert error.target == campus.target
    assert str(error) == f"NOT_FOUND: {error.message} ({error.method} at {error.target})"
    info, resource = error.detail(ErrorInfo), error.detail(ResourceInfo)
    assert info is not None and info.domain == "campus" and error.reason == info.reason != ""
    assert resource is not None and resource.resource_name == "employees/nobody"
    assert isinstance(error.__cause__, grpc.RpcError)


async def test_an_error_is_the_same_in_asyncio(campus: Campus, acampus: aio.Campus) -> None:
    with pytest.raises(CampusError) as one:
        campus.employees.create(Employee(birth_date="yesterday"))
    with pytest.raises(CampusError) as other:
        await acampus.employees.create(Employee(birth_date="yesterday"))
    for key in ("code", "message", "method", "target", "violations", "reason", "retry_delay", "__class__"):
        assert getattr(one.value, key) == getattr(other.value, key)


def test_every_fault_of_a_request_is_a_violation(campus: Campus) -> None:
    with pytest.raises(campus_client.InvalidArgument) as caught:
        campus.employees.create(Employee(given_name="x" * 101, birth_date="yesterday"))
    fields = {violation.field for violation in caught.value.violations}
    assert fields == {"employee.given_name", "employee.family_name", "employee.birth_date"}


def test_a_taken_id_and_a_stale_etag_are_told_apart(campus: Campus, fresh_id: Ids) -> None:
    made = campus.employees.create(Employee(given_name="Ada", family_name="L"), fresh_id("ada"))
    with pytest.raises(campus_client.AlreadyExists):
        campus.employees.create(Employee(given_name="Other", family_name="L"), fresh_id("ada"))
    campus.employees.update(Employee(name=made.name, given_name="Mira"))
    with pytest.raises(campus_client.Aborted):
        campus.employees.update(made, "given_name")
    with pytest.raises(campus_client.Aborted):
        campus.employees.delete(made.name, etag=made.etag)


def test_a_rejected_stream_has_the_details_of_its_status(campus: Campus) -> None:
    with pytest.raises(campus_client.InvalidArgument) as caught:
        campus.people.record_persons([Person(id=50, name="Ada"), Person(id=51)])
    assert [violation.field for violation in caught.value.violations] == ["people[1].name"]
    with pytest.raises(campus_client.NotFound):
        campus.people.get_phone(50)


def test_a_token_that_is_none_ends_a_watch_with_an_error(campus: Campus) -> None:
    with pytest.raises(campus_client.InvalidArgument):
        next(campus.employees.watch(resume_token="never given"))


def test_an_answer_of_lookup_becomes_an_exception(campus: Campus) -> None:
    (answer,) = campus.students.lookup(["students/nobody"])
    error = campus_client.from_status(answer.error)
    assert isinstance(error, campus_client.NotFound)
    assert error.message == answer.error.message


def test_a_server_that_is_not_there_is_unavailable_and_named(refused: str) -> None:
    with campus_client.connect(refused) as campus, pytest.raises(campus_client.Unavailable) as caught:
        campus.employees.get("employees/nobody")
    assert refused in str(caught.value)
    assert "Connection refused" in str(caught.value)


def test_a_watch_whose_server_is_not_there_fails_at_once(refused: str) -> None:
    started = time.monotonic()
    with campus_client.connect(refused) as campus, pytest.raises(campus_client.Unavailable):
        next(campus.employees.watch())
    assert time.monotonic() - started < 10


def test_every_status_code_has_an_exception_and_unknown_details_are_kept() -> None:
    for code in grpc.StatusCode:
        if code is not grpc.StatusCode.OK:
            error = campus_client.from_status(Status(code=code.value[0], message="why"))
            assert error.code is code and type(error) is not CampusError
            assert str(error) == f"{code.name}: why"
    status = Status(code=5)
    status.details.add(type_url="type.googleapis.com/nobody.Knows", value=b"\xff")
    status.details.add(type_url="type.googleapis.com/google.rpc.ErrorInfo", value=b"\xff")
    assert campus_client.from_status(status).details == tuple(status.details)
    assert campus_client.from_status(Status(code=99)).code is grpc.StatusCode.UNKNOWN


@pytest.mark.parametrize(
    ("name", "more", "expected"),
    [("", 400, campus_client.InvalidArgument), ("a" * (4 << 20), 3, campus_client.ResourceExhausted)],
    ids=["bad", "long"],
)
async def test_a_server_that_answers_while_requests_are_sent_is_heard_in_asyncio(
    shared: Server, name: str, more: int, expected: type[CampusError]
) -> None:
    people = [Person(id=1, name="Ada"), Person(id=2, name=name), *([Person(id=3, name="Bo")] * more)]
    async with aio.connect(shared.target) as campus:
        for _ in range(20):
            with pytest.raises(expected) as caught:
                await campus.people.record_persons(people)
            assert caught.value.details
