"""What a caller may get wrong, and is told at once."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from servers import Server

import campus_client
from campus_client import Campus, Employee, aio


def test_a_word_that_no_call_takes_is_refused_and_nothing_is_sent(campus: Campus) -> None:
    ada = campus.employees.create(Employee(given_name="Ada", family_name="Byron"))
    employees: Any = campus.employees
    wrongs: list[Callable[[], Any]] = [
        lambda: employees.delete(ada.name, if_match="another"),
        lambda: employees.update(ada, mask="given_name"),
        lambda: employees.list(fitler="given_name = 'Ada'"),
        lambda: employees.watch(deadline=1),
        lambda: employees.lookup([ada.name], deadline=1),
        lambda: employees.import_([ada], deadline=1),
    ]
    for wrong in wrongs:
        with pytest.raises(TypeError, match=r"there is no argument (if_match|mask|fitler|deadline); .* timeout"):
            wrong()
    assert campus.employees.get(ada.name) == ada


async def test_a_word_that_no_call_takes_is_refused_in_asyncio(shared: Server) -> None:
    async with aio.connect(shared.target) as campus:
        employees: Any = campus.employees
        for wrong in (employees.delete("employees/ada", if_match="another"), employees.import_([], deadline=1)):
            with pytest.raises(TypeError, match="there is no argument"):
                await wrong
        for wrong in (employees.list, employees.watch):
            with pytest.raises(TypeError, match="there is no argument"):
                wrong(deadline=1)


@pytest.mark.parametrize("end", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
def test_a_source_that_ends_its_thread_ends_its_call(campus: Campus, end: BaseException) -> None:
    def names() -> Iterator[str]:
        yield "employees/nobody"
        raise end

    with pytest.raises(type(end)):
        campus.employees.import_(Employee(name=name) for name in names())
    with pytest.raises(type(end)):
        list(campus.employees.lookup(names()))


async def test_a_source_that_ends_its_task_ends_its_call_in_asyncio(shared: Server) -> None:
    class End(BaseException):
        pass

    async def names() -> AsyncIterator[str]:
        yield "employees/nobody"
        raise End

    async with aio.connect(shared.target) as campus:
        with pytest.raises(End):
            await campus.employees.import_(Employee(name=name) async for name in names())
        with pytest.raises(End):
            [answer async for answer in campus.employees.lookup(names())]


async def test_a_name_alone_is_not_taken_for_many(shared: Server, campus: Campus) -> None:
    said = r"write \['employees/ada'\]"
    for wrong in (campus.employees.batch_get, campus.employees.lookup):
        with pytest.raises(TypeError, match=said):
            wrong("employees/ada")
    async with aio.connect(shared.target) as acampus:
        with pytest.raises(TypeError, match=said):
            acampus.employees.lookup("employees/ada")
        with pytest.raises(TypeError, match=said):
            await acampus.employees.batch_get("employees/ada")


@pytest.mark.parametrize("timeout", [math.inf, 1e20, 1e9])
async def test_a_time_without_end_is_none(shared: Server, campus: Campus, timeout: float) -> None:
    with pytest.raises(campus_client.NotFound):
        campus.employees.get("employees/nobody", timeout=timeout)
    with campus.employees.watch(timeout=timeout) as changes:
        assert next(changes).resume_token
    async with aio.connect(shared.target, timeout=timeout) as acampus:
        with pytest.raises(campus_client.NotFound):
            await acampus.employees.get("employees/nobody")
    with pytest.raises(ValueError, match="not a number"):
        campus.employees.get("employees/nobody", timeout=math.nan)


def test_a_mask_may_be_a_message_or_nothing(campus: Campus) -> None:
    ada = campus.employees.create(Employee(given_name="Ada", family_name="Byron"))
    assert campus.employees.get(ada.name, read_mask=None) == ada
    masked = campus.employees.get(ada.name, read_mask=FieldMask(paths=["name", "given_name"]))
    assert masked == Employee(name=ada.name, given_name="Ada")


def test_a_compression_or_a_service_config_that_is_none_is_refused_at_once(campus: Campus) -> None:
    wrong: Any = "gzip"
    with pytest.raises(TypeError, match=r"such as grpc\.Compression\.Gzip"):
        campus.employees.get("employees/nobody", compression=wrong)
    with pytest.raises(campus_client.NotFound):
        campus.employees.get("employees/nobody", compression=grpc.Compression.Gzip)
    with pytest.raises(ValueError, match="the service config is no JSON"):
        campus_client.connect("127.0.0.1:1", service_config="{")


async def test_a_client_that_is_closed_says_so(shared: Server) -> None:
    with campus_client.connect(shared.target) as campus:
        pass
    with pytest.raises(campus_client.Cancelled, match="the client was closed"):
        campus.employees.get("employees/ada")
    with pytest.raises(campus_client.Cancelled, match="the client was closed"):
        campus.employees.lookup(["employees/ada"])
    async with aio.connect(shared.target) as acampus:
        pass
    with pytest.raises(campus_client.Cancelled, match="the client was closed"):
        await acampus.employees.get("employees/ada")
    with pytest.raises(campus_client.Cancelled, match="the client was closed"):
        acampus.employees.stream()
