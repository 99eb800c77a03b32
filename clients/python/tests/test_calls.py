"""Deadlines, cancellation, metadata and compression, from threads and from asyncio."""

from __future__ import annotations

import asyncio
import gc
import inspect
import threading
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from servers import PATIENCE, Server, eventually
from wire import Tap

import campus_client
from campus_client import CallInfo, Campus, Compression, Employee, Student, aio

Ids = Callable[[str], str]


def test_a_deadline_ends_calls_and_streams(campus: Campus) -> None:
    with pytest.raises(campus_client.DeadlineExceeded):
        campus.employees.get("employees/nobody", timeout=0.000_001)
    started = time.monotonic()
    with campus.employees.watch(timeout=0.3) as changes:
        next(changes)
        with pytest.raises(campus_client.DeadlineExceeded):
            next(changes)
    assert 0.2 < time.monotonic() - started < PATIENCE


async def test_a_deadline_ends_calls_and_streams_in_asyncio(acampus: aio.Campus) -> None:
    with pytest.raises(campus_client.DeadlineExceeded):
        await acampus.employees.get("employees/nobody", timeout=0.000_001)
    async with acampus.employees.watch(timeout=0.3) as changes:
        await anext(changes)
        with pytest.raises(campus_client.DeadlineExceeded):
            await anext(changes)


def test_the_default_deadline_is_for_calls_and_not_for_streams(shared: Server) -> None:
    with campus_client.connect(shared.target, timeout=0.000_001) as campus:
        with pytest.raises(campus_client.DeadlineExceeded):
            campus.employees.get("employees/nobody")
        with pytest.raises(campus_client.NotFound):
            campus.employees.get("employees/nobody", timeout=None)
        assert campus.students.import_([]).created_count == 0
        with campus.employees.watch() as changes:
            assert next(changes).resume_token


@pytest.mark.parametrize("leave", ["with", "close", "drop", "break", "client"])
def test_leaving_a_watch_cancels_its_call(server: Server, leave: str) -> None:
    campus = campus_client.connect(server.target)
    if leave == "break":
        for _ in campus.employees.watch():
            break
    else:
        changes = campus.employees.watch()
        next(changes)
        match leave:
            case "with":
                with changes:
                    pass
            case "close":
                changes.close()
                assert list(changes) == []
            case "drop":
                del changes
            case "client":
                campus.close()
    gc.collect()
    eventually("a cancelled call", lambda: server.handled("WatchEmployees", "Canceled"))
    campus.close()


@pytest.mark.parametrize("leave", ["with", "close", "drop", "break", "task", "client"])
async def test_leaving_a_watch_cancels_its_call_in_asyncio(server: Server, leave: str) -> None:
    campus = aio.connect(server.target)
    if leave == "break":
        async for _ in campus.employees.watch():
            break
    else:
        changes = campus.employees.watch()
        await anext(changes)
        match leave:
            case "with":
                async with changes:
                    pass
            case "close":
                changes.close()
                assert [change async for change in changes] == []
            case "drop":
                del changes
            case "task":
                with pytest.raises(asyncio.TimeoutError):
                    await asyncio.wait_for(anext(changes), 0.1)
                with pytest.raises(campus_client.Cancelled, match="with the task"):
                    await anext(changes)
            case "client":
                await campus.close()
    gc.collect()
    await asyncio.to_thread(eventually, "a cancelled call", lambda: server.handled("WatchEmployees", "Canceled"))
    await campus.close()


def test_another_thread_ends_a_watch_that_waits(campus: Campus) -> None:
    changes = campus.employees.watch()
    next(changes)
    threading.Timer(0.2, changes.close).start()
    assert [change for change in changes if change.employee.name] == []


def test_closing_the_client_ends_its_calls_with_cancelled(shared: Server) -> None:
    campus = campus_client.connect(shared.target)
    changes = campus.employees.watch()
    next(changes)
    threading.Timer(0.2, campus.close).start()
    with pytest.raises(campus_client.Cancelled):
        next(changes)


async def test_closing_the_client_ends_its_calls_with_cancelled_in_asyncio(shared: Server) -> None:
    campus = aio.connect(shared.target)
    changes = campus.employees.watch()
    await anext(changes)

    async def endless() -> AsyncIterator[Student]:
        yield await asyncio.Future()

    upload = asyncio.ensure_future(campus.students.import_(endless()))
    asyncio.get_running_loop().call_later(0.2, lambda: asyncio.ensure_future(campus.close()))
    for call in (anext(changes), upload):
        with pytest.raises(campus_client.Cancelled):
            await call


async def test_a_cancelled_task_cancels_its_call_and_no_other(server: Server) -> None:
    async with aio.connect(server.target) as campus:
        endless = asyncio.Event()

        async def records() -> Any:
            yield Student(name="students/one")
            await endless.wait()

        task = asyncio.ensure_future(campus.students.import_(records()))
        other = campus.students.watch()
        await anext(other)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.to_thread(eventually, "a cancelled call", lambda: server.handled("ImportStudents"))
        assert server.handled("ImportStudents", "OK") == 0
        await campus.students.create(Student(), "two")
        assert (await anext(other)).student.name == "students/two"


def test_metadata_goes_out_and_comes_back(named: Server) -> None:
    with Tap(named.port) as tap, campus_client.connect(tap.target, metadata={"x-tenant": "physics"}) as campus:
        info = CallInfo()
        with pytest.raises(campus_client.NotFound):
            campus.employees.get("employees/nobody", metadata=[("x-more-bin", b"\0\xff"), ("x-more", "1")], info=info)
        assert ("x-served-by", "a-name") in (*info.initial_metadata, *info.trailing_metadata)
        sent = tap.sent()
        for part in (b"x-tenant", b"physics", b"x-more-bin", b"x-more"):
            assert part in sent
        streamed = CallInfo()
        list(campus.employees.stream(info=streamed))
        assert ("x-served-by", "a-name") in streamed.initial_metadata


async def test_metadata_goes_out_and_comes_back_in_asyncio(named: Server) -> None:
    with Tap(named.port) as tap:
        async with aio.connect(tap.target, metadata={"x-tenant": "physics"}) as campus:
            info, failed = CallInfo(), CallInfo()
            await campus.students.create(Student(), metadata={"x-more": "1"}, info=info)
            assert ("x-served-by", "a-name") in info.initial_metadata
            with pytest.raises(campus_client.NotFound):
                await campus.students.get("students/nobody", info=failed)
            assert "grpc-status-details-bin" in dict(failed.trailing_metadata)
            assert b"physics" in tap.sent() and b"x-more" in tap.sent()


def test_gzip_makes_requests_and_answers_smaller(server: Server) -> None:
    with campus_client.connect(server.target) as campus:
        records = [Employee(name=f"employees/{n}", given_name="A" * 90, family_name="B" * 90) for n in range(100)]
        campus.employees.import_(records)
    sizes = {}
    for compression in (Compression.NoCompression, Compression.Gzip):
        with Tap(server.port) as tap, campus_client.connect(tap.target, compression=compression) as campus:
            page = next(campus.employees.list(page_size=100, filter='given_name != "' + "x" * 2000 + '"').pages())
            assert len(page.records) == 100
            sizes[compression] = (len(tap.sent()), len(tap.received()))
    plain, packed = sizes[Compression.NoCompression], sizes[Compression.Gzip]
    assert packed[0] < plain[0] / 2 and packed[1] < plain[1] / 2, sizes


async def test_gzip_of_one_call_makes_it_smaller_in_asyncio(shared: Server, fresh_id: Ids) -> None:
    long = "R" * 100
    students = [
        Student(name=f"students/{fresh_id(str(n))}", region=long, given_name=long, family_name=long) for n in range(100)
    ]
    with Tap(shared.port) as tap:
        async with aio.connect(tap.target) as campus:
            summary = await campus.students.import_(students, compression=Compression.Gzip)
            assert summary.created_count == 100
            packed = len(tap.sent())
            assert (await campus.students.import_(students)).unchanged_count == 100
            assert packed < (len(tap.sent()) - packed) / 2


def test_a_call_may_wait_for_a_server_that_is_not_there_yet(server: Server) -> None:
    server.kill()
    with campus_client.connect(server.target, wait_for_ready=True, timeout=PATIENCE) as campus:
        threading.Timer(0.5, server.start).start()
        assert campus.students.create(Student()).name


def test_threads_and_asyncio_have_the_same_surface() -> None:
    def surface(kind: type) -> dict[str, list[str]]:
        members = inspect.getmembers(kind, inspect.isfunction)
        return {name: list(inspect.signature(member).parameters) for name, member in members if name[0] != "_"}

    for name in aio.__all__:
        one, other = getattr(campus_client, name), getattr(aio, name)
        if inspect.isclass(one):
            assert surface(one) == surface(other), name
        else:
            assert inspect.signature(one).parameters.keys() == inspect.signature(other).parameters.keys()
    assert len(surface(campus_client.Records)) == 10
