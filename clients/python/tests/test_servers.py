"""Several servers behind a target."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from names import NAME, NameServer
from servers import Server, eventually

import campus_client
from campus_client import CallInfo, Campus, Unavailable, aio

CALLS = 40


def served_by(campus: Campus) -> str:
    """Makes a call and returns the name of the server that has answered."""
    info = CallInfo()
    list(campus.students.list(info=info).pages())
    return str(dict(info.initial_metadata)["x-served-by"])


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[Server, Server]]:
    """Two servers, at the same port of two addresses."""
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
    with Server(tmp_path / "one", listen="127.0.0.2:0", SERVER__NAME="one", SERVER__DRAIN_DELAY="5m") as one:
        listen = f"127.0.0.3:{one.port}"
        with Server(tmp_path / "two", listen=listen, SERVER__NAME="two") as two:
            yield one, two


def test_calls_go_to_both_servers_in_turn(two: tuple[Server, Server]) -> None:
    target = f"static:///{two[0].target},{two[1].target}"
    with campus_client.connect(target) as campus:
        eventually("both servers", lambda: served_by(campus) == "one")
        eventually("both servers", lambda: served_by(campus) == "two")
        shares = Counter(served_by(campus) for _ in range(CALLS))
        assert shares == {"one": CALLS // 2, "two": CALLS // 2}


async def test_calls_go_to_both_servers_in_turn_in_asyncio(two: tuple[Server, Server]) -> None:
    async with aio.connect(f"static:///{two[0].target},{two[1].target}") as campus:
        shares: Counter[str] = Counter()
        for _ in range(CALLS):
            info = CallInfo()
            [page async for page in campus.students.list(info=info).pages()]
            shares[str(dict(info.initial_metadata)["x-served-by"])] += 1
        # The second one may have been connected a little later.
        assert min(shares["one"], shares["two"]) >= CALLS // 4


def test_no_read_fails_when_one_of_two_servers_dies_or_stops(two: tuple[Server, Server]) -> None:
    one, other = two
    with campus_client.connect(f"static:///{one.target},{other.target}") as campus:
        eventually("both servers", lambda: served_by(campus) == "one")
        eventually("both servers", lambda: served_by(campus) == "two")
        other.kill()
        assert {served_by(campus) for _ in range(CALLS)} == {"one"}
        other.start()
        eventually("the server that is back", lambda: served_by(campus) == "two")


def test_a_server_that_says_it_will_stop_gets_no_more_calls(two: tuple[Server, Server]) -> None:
    one, other = two
    with campus_client.connect(f"static:///{one.target},{other.target}") as campus:
        eventually("both servers", lambda: served_by(campus) == "one")
        one.terminate()
        eventually("no calls for it", lambda: {served_by(campus) for _ in range(4)} == {"two"})
        assert one.running(), "it was left before it was gone"


def test_a_headless_name_is_balanced_and_followed_when_its_servers_change(two: tuple[Server, Server]) -> None:
    one, _ = two
    with NameServer("127.0.0.2") as names:
        target = f"dns://127.0.0.1:{names.port}/{NAME}:{one.port}"
        with campus_client.connect(target) as campus:
            assert {served_by(campus) for _ in range(4)} == {"one"}
            names.addresses = ("127.0.0.3",)
            one.kill()
            eventually("the other server", lambda: _served(campus) == "two")
        names.addresses = ("127.0.0.2", "127.0.0.3")
        one.start()
        with campus_client.connect(target) as campus:
            eventually("both servers", lambda: served_by(campus) == "one")
            eventually("both servers", lambda: served_by(campus) == "two")
            assert Counter(served_by(campus) for _ in range(CALLS)) == {"one": CALLS // 2, "two": CALLS // 2}


def _served(campus: Campus) -> str:
    try:
        return served_by(campus)
    except Unavailable:
        return ""
