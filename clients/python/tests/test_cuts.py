"""Streams and watches whose server goes away and comes back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest
from servers import Server, eventually
from wire import Tap

import campus_client
from campus_client import Student, aio, student_v1

COUNT = 10_000
FILLER = "x" * 100
# Takes 64 KiB ahead of its reader, so that the server is in the midst of the stream when it goes away.
SMALL_WINDOW = [("grpc.http2.bdp_probe", 0)]
Cut = Callable[[Server], None]
CUTS = pytest.mark.parametrize("cut", [Server.kill, Server.stop], ids=["killed", "stopped"])


def students() -> list[Student]:
    return [Student(name=f"students/{n:05}", region=FILLER, given_name=FILLER) for n in range(COUNT)]


@CUTS
def test_a_stream_goes_on_where_it_was_after_its_server_was_restarted(server: Server, cut: Cut) -> None:
    with campus_client.connect(server.target, options=SMALL_WINDOW) as campus:
        campus.students.import_(students())
        names = []
        with campus.students.stream() as stream:
            for student in stream:
                names.append(student.name)
                if len(names) == 100:
                    cut(server)
                    server.start()
        assert names == [f"students/{n:05}" for n in range(COUNT)]
        eventually("the rest from the second server", lambda: server.handled("StreamStudents", "OK") == 1)


@CUTS
async def test_a_stream_goes_on_where_it_was_in_asyncio(server: Server, cut: Cut) -> None:
    async with aio.connect(server.target, options=SMALL_WINDOW) as campus:
        await campus.students.import_(students())
        names = []
        async with campus.students.stream(read_mask="region,given_name") as stream:
            async for student in stream:
                names.append(student.name)
                if len(names) == 100:
                    await asyncio.to_thread(cut, server)
                    await asyncio.to_thread(server.start)
        assert names == [f"students/{n:05}" for n in range(COUNT)]
        eventually("the rest from the second server", lambda: server.handled("StreamStudents", "OK") == 1)


CREATED = student_v1.WatchStudentsResponse.CHANGE_TYPE_CREATED


@CUTS
def test_a_watch_misses_and_repeats_nothing_over_a_restart(server: Server, cut: Cut) -> None:
    with campus_client.connect(server.target) as campus, campus.students.watch() as changes:
        next(changes)
        campus.students.create(Student(), "before")
        names = [next(changes).student.name]
        campus.students.create(Student(), "unread")
        cut(server)
        server.start()
        campus.students.create(Student(), "after", wait_for_ready=True)
        while len(names) < 3:
            change = next(changes)
            if change.change_type == CREATED:
                names.append(change.student.name)
        assert names == ["students/before", "students/unread", "students/after"]


@CUTS
async def test_a_watch_misses_and_repeats_nothing_in_asyncio(server: Server, cut: Cut) -> None:
    async with aio.connect(server.target) as campus, campus.students.watch() as changes:
        await anext(changes)
        await campus.students.create(Student(), "before")
        names = [(await anext(changes)).student.name]
        await campus.students.create(Student(), "unread")
        await asyncio.to_thread(cut, server)
        await asyncio.to_thread(server.start)
        await campus.students.create(Student(), "after", wait_for_ready=True)
        while len(names) < 3:
            change = await anext(changes)
            if change.change_type == CREATED:
                names.append(change.student.name)
        assert names == ["students/before", "students/unread", "students/after"]


def test_a_stream_that_may_not_resume_and_one_that_cannot_raise_the_error(server: Server) -> None:
    with campus_client.connect(server.target) as campus:
        never, briefly = campus.students.watch(resume_for=0), campus.students.watch(resume_for=0.5)
        next(never)
        next(briefly)
        server.kill()
        with pytest.raises(campus_client.Unavailable):
            next(never)
        started = time.monotonic()
        with pytest.raises(campus_client.Unavailable):
            next(briefly)
        assert time.monotonic() - started < 10


async def test_a_stream_that_cannot_resume_raises_the_error_in_asyncio(server: Server) -> None:
    async with aio.connect(server.target) as campus:
        changes = campus.students.watch(resume_for=0.5)
        await anext(changes)
        server.kill()
        with pytest.raises(campus_client.Unavailable):
            await anext(changes)


def test_the_time_of_a_stream_is_over_while_its_server_is_away(server: Server) -> None:
    with campus_client.connect(server.target) as campus:
        changes = campus.students.watch(timeout=1.0)
        next(changes)
        server.kill()
        started = time.monotonic()
        with pytest.raises((campus_client.Unavailable, campus_client.DeadlineExceeded)):
            next(changes)
        assert time.monotonic() - started < 10


def test_a_read_is_repeated_when_its_connection_is_cut_and_the_caller_sees_nothing(server: Server) -> None:
    with campus_client.connect(server.target) as direct:
        direct.students.create(Student(), "one")
    with Tap(server.port) as tap, campus_client.connect(tap.target) as campus:
        for _ in range(10):
            assert campus.students.get("students/one").name
            tap.cut_at_the_next_request()
            assert campus.students.get("students/one").name
        assert tap.cuts == 10


def test_an_update_is_not_repeated_when_its_connection_is_cut(server: Server) -> None:
    with campus_client.connect(server.target) as direct:
        direct.students.create(Student(), "one")
    with Tap(server.port) as tap, campus_client.connect(tap.target) as campus:
        campus.students.get("students/one")
        tap.cut_at_the_next_request()
        with pytest.raises(campus_client.Unavailable):
            campus.students.update(Student(name="students/one", region="Wales"))


def test_a_watch_that_a_stopping_server_ends_is_told_when_to_try_again(server: Server) -> None:
    with campus_client.connect(server.target) as campus, campus.students.watch(resume_for=0) as changes:
        next(changes)
        server.stop()
        with pytest.raises(campus_client.Unavailable) as caught:
            next(changes)
        assert caught.value.retry_delay is not None and 0 < caught.value.retry_delay < 60
