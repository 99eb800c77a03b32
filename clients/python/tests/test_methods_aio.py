"""Every method, from asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

import campus_client
from campus_client import Employee, Person, PhoneNumber, Student, employee_v1
from campus_client.aio import Campus

Ids = Callable[[str], str]


async def test_a_created_employee_is_got_updated_and_deleted(acampus: Campus, fresh_id: Ids) -> None:
    made = await acampus.employees.create(Employee(given_name="Ada", family_name="Lovelace"), fresh_id("ada"))
    assert made.name == f"employees/{fresh_id('ada')}"
    assert await acampus.employees.get(made.name) == made
    assert await acampus.employees.get(made.name, read_mask="given_name") == Employee(given_name="Ada")

    made.family_name, made.given_name = "King", "not in the mask"
    changed = await acampus.employees.update(made, ["family_name"])
    assert (changed.given_name, changed.family_name) == ("Ada", "King")

    await acampus.employees.delete(made.name, etag=changed.etag)
    with pytest.raises(campus_client.NotFound):
        await acampus.employees.get(made.name)
    await acampus.employees.delete(made.name, allow_missing=True)


async def test_a_created_student_is_got_updated_and_deleted(acampus: Campus, fresh_id: Ids) -> None:
    made = await acampus.students.create(Student(region="Scotland"), fresh_id("one"))
    assert await acampus.students.get(made.name) == made
    made.region = "Wales"
    changed = await acampus.students.update(made, "region")
    assert await acampus.students.batch_get([made.name]) == (changed,)
    await acampus.students.delete(made.name)
    assert [answer.error.code async for answer in acampus.students.lookup([made.name])] == [5]


async def test_a_create_with_the_same_request_id_adds_nothing(acampus: Campus) -> None:
    request_id = "6f0c1f6e-4b5d-4a37-9b4c-0e5a4d0f2a11"
    ada = Employee(given_name="Ada", family_name="L")
    first, again = [await acampus.employees.create(ada, request_id=request_id) for _ in range(2)]
    assert first == again


async def test_a_list_goes_through_all_pages(acampus: Campus, fresh_id: Ids) -> None:
    names = await several(acampus, fresh_id("list"), 5)
    filtered = acampus.employees.list(filter=f'family_name = "{fresh_id("list")}"', page_size=2)
    assert [employee.name async for employee in filtered] == names
    assert [employee.name async for employee in filtered] == names, "a second iteration begins anew"
    pages = [page async for page in filtered.pages()]
    assert [len(page.records) for page in pages] == [2, 2, 1]
    rest = acampus.employees.list(
        filter=f'family_name = "{fresh_id("list")}"', page_token=pages[0].next_page_token, order_by=""
    )
    assert [employee.name async for employee in rest] == names[2:]


async def test_a_batch_is_in_the_order_of_its_names(acampus: Campus, fresh_id: Ids) -> None:
    names = await several(acampus, fresh_id("batch"), 3)
    batch = await acampus.employees.batch_get(reversed(names), read_mask=["name"])
    assert batch == tuple(Employee(name=name) for name in reversed(names))


async def test_a_stream_sends_all_in_key_order(acampus: Campus, fresh_id: Ids) -> None:
    names = await several(acampus, fresh_id("stream"), 4)
    mine = f'family_name = "{fresh_id("stream")}"'
    assert [employee.name async for employee in acampus.employees.stream(filter=mine)] == names
    masked = acampus.employees.stream(filter=mine, after=names[1], read_mask="given_name")
    assert [employee async for employee in masked] == [Employee(name=name, given_name="Some") for name in names[2:]]


async def test_a_watch_sends_each_change_and_goes_on_after_a_token(acampus: Campus, fresh_id: Ids) -> None:
    mine = f'family_name = "{fresh_id("watch")}"'
    async with acampus.employees.watch(filter=mine) as changes:
        mark = await anext(changes)
        assert mark.change_type == employee_v1.WatchEmployeesResponse.CHANGE_TYPE_UNSPECIFIED
        names = await several(acampus, fresh_id("watch"), 2)
        assert [(await anext(changes)).employee.name for _ in names] == names
    async with acampus.employees.watch(filter=mine, resume_token=mark.resume_token) as changes:
        assert [(await anext(changes)).employee.name for _ in range(3)] == ["", *names]


async def test_an_import_takes_what_makes_records_and_returns_a_summary(acampus: Campus, fresh_id: Ids) -> None:
    async def records() -> AsyncIterator[Student]:
        for number in range(3):
            yield Student(name=f"students/{fresh_id(str(number))}", region="Wales")
        yield Student(name="students/NOT VALID")

    summary = await acampus.students.import_(records())
    assert (summary.created_count, summary.rejected_count) == (3, 1)
    assert (summary.rejections[0].position, summary.rejections[0].status.code) == (3, 3)
    assert (await acampus.students.import_(records())).unchanged_count == 3


async def test_what_an_import_reads_may_fail_and_its_error_is_raised(acampus: Campus) -> None:
    async def records() -> AsyncIterator[Student]:
        yield Student(region="Wales")
        raise ZeroDivisionError("in the source")

    with pytest.raises(ZeroDivisionError, match="in the source"):
        await acampus.students.import_(records())
    with pytest.raises(ZeroDivisionError):
        async for _ in acampus.employees.lookup(str(1 // (1 - n)) for n in range(2)):
            pass


async def test_a_lookup_answers_each_name_before_the_next_one_is_read(acampus: Campus, fresh_id: Ids) -> None:
    (name,) = await several(acampus, fresh_id("lookup"), 1)
    asked: asyncio.Queue[str | None] = asyncio.Queue()

    async def names() -> AsyncIterator[str]:
        while (name := await asked.get()) is not None:
            yield name

    async with acampus.employees.lookup(names()) as answers:
        for wanted, result in ((name, "employee"), ("employees/nobody", "error"), (name, "employee")):
            await asked.put(wanted)
            answer = await anext(answers)
            assert (answer.name, answer.WhichOneof("result")) == (wanted, result)
        await asked.put(None)
        assert await anext(answers, None) is None


async def test_the_address_book_is_recorded_listed_and_asked(acampus: Campus) -> None:
    people = [
        Person(id=number, name=f"Person {number}", phones=[PhoneNumber(number=f"0{number}"), PhoneNumber(number="00")])
        for number in (7, -3)
    ]
    recorded = await acampus.people.record_persons(people)
    assert [person.id for person in recorded] == [-3, 7]
    assert (await acampus.people.get_phone(7)).number == "07"
    assert [person async for person in acampus.people.list_persons()] == list(recorded)
    assert [phone.number async for phone in acampus.people.route_phones([7, 999, -3])] == ["07", "00", "0-3", "00"]


async def several(acampus: Campus, family: str, count: int) -> list[str]:
    """Adds employees of a family and returns their names, in key order."""
    for number in range(count):
        await acampus.employees.create(Employee(given_name="Some", family_name=family), f"{family}-{number}")
    return [f"employees/{family}-{number}" for number in range(count)]


async def test_a_lookup_that_is_read_slowly_asks_no_thousand_names_ahead(acampus: Campus) -> None:
    asked = 0

    async def names() -> AsyncIterator[str]:
        nonlocal asked
        for _ in range(3000):
            asked += 1
            yield "employees/nobody"

    answers = acampus.employees.lookup(names())
    await anext(answers)
    await asyncio.sleep(0.5)
    assert 1000 <= asked <= 1001
    assert len([answer async for answer in answers]) == 2999
    async with acampus.employees.lookup(names()) as left:
        await anext(left)
    await asyncio.sleep(0.2)
    assert len(asyncio.all_tasks()) == 1
