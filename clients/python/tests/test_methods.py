"""Every method, from threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from queue import Queue

import pytest
from servers import eventually

import campus_client
from campus_client import Campus, Employee, Person, PhoneNumber, Student, employee_v1

Ids = Callable[[str], str]


def test_a_created_employee_is_got_updated_and_deleted(campus: Campus, fresh_id: Ids) -> None:
    made = campus.employees.create(Employee(given_name="Ada", family_name="Lovelace"), fresh_id("ada"))
    assert made.name == f"employees/{fresh_id('ada')}"
    assert campus.employees.get(made.name) == made
    assert campus.employees.get(made.name, read_mask="given_name") == Employee(given_name="Ada")

    made.family_name, made.given_name = "King", "not in the mask"
    changed = campus.employees.update(made, ["family_name"])
    assert (changed.given_name, changed.family_name) == ("Ada", "King")

    campus.employees.delete(made.name, etag=changed.etag)
    with pytest.raises(campus_client.NotFound):
        campus.employees.get(made.name)
    campus.employees.delete(made.name, allow_missing=True)


def test_a_created_student_is_got_updated_and_deleted(campus: Campus, fresh_id: Ids) -> None:
    made = campus.students.create(Student(region="Scotland"), fresh_id("one"))
    assert campus.students.get(made.name) == made
    made.region = "Wales"
    changed = campus.students.update(made, "region")
    assert campus.students.batch_get([made.name]) == (changed,)
    campus.students.delete(made.name)
    assert [answer.error.code for answer in campus.students.lookup([made.name])] == [5]


def test_a_create_with_the_same_request_id_adds_nothing(campus: Campus) -> None:
    request_id = "6f0c1f6e-4b5d-4a37-9b4c-0e5a4d0f2a11"
    first, again = (
        campus.employees.create(Employee(given_name="Ada", family_name="L"), request_id=request_id) for _ in range(2)
    )
    assert first == again


def test_a_list_goes_through_all_pages(campus: Campus, fresh_id: Ids) -> None:
    names = several(campus, fresh_id("list"), 5)
    filtered = campus.employees.list(filter=f'family_name = "{fresh_id("list")}"', page_size=2)
    assert [employee.name for employee in filtered] == names
    assert [employee.name for employee in filtered] == names, "a second iteration begins anew"
    pages = list(filtered.pages())
    assert [len(page.records) for page in pages] == [2, 2, 1]
    rest = campus.employees.list(
        filter=f'family_name = "{fresh_id("list")}"', page_token=pages[0].next_page_token, order_by=""
    )
    assert [employee.name for employee in rest] == names[2:]


def test_a_batch_is_in_the_order_of_its_names(campus: Campus, fresh_id: Ids) -> None:
    names = several(campus, fresh_id("batch"), 3)
    batch = campus.employees.batch_get(reversed(names), read_mask=["name"])
    assert batch == tuple(Employee(name=name) for name in reversed(names))


def test_a_stream_sends_all_in_key_order(campus: Campus, fresh_id: Ids) -> None:
    names = several(campus, fresh_id("stream"), 4)
    mine = f'family_name = "{fresh_id("stream")}"'
    assert [employee.name for employee in campus.employees.stream(filter=mine)] == names
    masked = campus.employees.stream(filter=mine, after=names[1], read_mask="given_name")
    assert list(masked) == [Employee(name=name, given_name="Some") for name in names[2:]]


def test_a_watch_sends_each_change_and_goes_on_after_a_token(campus: Campus, fresh_id: Ids) -> None:
    mine = f'family_name = "{fresh_id("watch")}"'
    with campus.employees.watch(filter=mine) as changes:
        mark = next(changes)
        assert mark.change_type == employee_v1.WatchEmployeesResponse.CHANGE_TYPE_UNSPECIFIED
        names = several(campus, fresh_id("watch"), 2)
        assert [next(changes).employee.name for _ in names] == names
    with campus.employees.watch(filter=mine, resume_token=mark.resume_token) as changes:
        assert [next(changes).employee.name for _ in range(3)] == ["", *names]


def test_an_import_takes_what_makes_records_and_returns_a_summary(campus: Campus, fresh_id: Ids) -> None:
    def records() -> Iterator[Student]:
        for number in range(3):
            yield Student(name=f"students/{fresh_id(str(number))}", region="Wales")
        yield Student(name="students/NOT VALID")

    summary = campus.students.import_(records())
    assert (summary.created_count, summary.rejected_count) == (3, 1)
    assert (summary.rejections[0].position, summary.rejections[0].status.code) == (3, 3)
    assert campus.students.import_(records()).unchanged_count == 3


def test_what_an_import_reads_may_fail_and_its_error_is_raised(campus: Campus) -> None:
    def records() -> Iterator[Student]:
        yield Student(region="Wales")
        raise ZeroDivisionError("in the source")

    with pytest.raises(ZeroDivisionError, match="in the source"):
        campus.students.import_(records())
    with pytest.raises(ZeroDivisionError):
        list(campus.employees.lookup(str(1 // (1 - n)) for n in range(2)))


def test_a_lookup_answers_each_name_before_the_next_one_is_read(campus: Campus, fresh_id: Ids) -> None:
    (name,) = several(campus, fresh_id("lookup"), 1)
    asked: Queue[str | None] = Queue()
    with campus.employees.lookup(iter(asked.get, None)) as answers:
        for wanted, result in ((name, "employee"), ("employees/nobody", "error"), (name, "employee")):
            asked.put(wanted)
            answer = next(answers)
            assert (answer.name, answer.WhichOneof("result")) == (wanted, result)
        asked.put(None)
        assert next(answers, None) is None


def test_the_address_book_is_recorded_listed_and_asked(campus: Campus) -> None:
    people = [
        Person(id=number, name=f"Person {number}", phones=[PhoneNumber(number=f"0{number}"), PhoneNumber(number="00")])
        for number in (7, -3)
    ]
    recorded = campus.people.record_persons(people)
    assert [person.id for person in recorded] == [-3, 7]
    assert campus.people.get_phone(7).number == "07"
    assert list(campus.people.list_persons()) == list(recorded)
    assert [phone.number for phone in campus.people.route_phones([7, 999, -3])] == ["07", "00", "0-3", "00"]


def several(campus: Campus, family: str, count: int) -> list[str]:
    """Adds employees of a family and returns their names, in key order."""
    for number in range(count):
        campus.employees.create(Employee(given_name="Some", family_name=family), f"{family}-{number}")
    return [f"employees/{family}-{number}" for number in range(count)]


def test_a_lookup_that_is_read_slowly_asks_no_thousand_names_ahead(campus: Campus) -> None:
    asked = read = most = 0

    def names() -> Iterator[str]:
        nonlocal asked, most
        for _ in range(3000):
            asked += 1
            most = max(most, asked - read)
            yield "employees/nobody"

    answers = campus.employees.lookup(names())
    next(answers)
    eventually("a thousand names that are asked ahead", lambda: asked >= 1000)
    for _ in answers:
        read += 1
    # One more may be asked between an answer and its count.
    assert (read, asked) == (2999, 3000)
    assert 1000 <= most <= 1002
    threads = threading.active_count()
    for leave in ("close", "drop"):
        answers = campus.employees.lookup(names())
        next(answers)
        if leave == "close":
            answers.close()
    del answers
    eventually("no thread that waits", lambda: threading.active_count() <= threads)
