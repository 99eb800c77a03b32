"""The servers that tests call: real ones, on free ports and in temporary folders."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from servers import Server

import campus_client
from campus_client import aio


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests that only need one; they use names of their own."""
    with Server(tmp_path_factory.mktemp("shared")) as server:
        yield server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server that the test may stop, and whose records are the test's own."""
    with Server(tmp_path, SERVER__DRAIN_LIMIT="500ms") as server:
        yield server


@pytest.fixture(scope="session")
def named(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that says in its answers that it is a-name."""
    with Server(tmp_path_factory.mktemp("named"), SERVER__NAME="a-name") as server:
        yield server


@pytest.fixture
def refused() -> Iterator[str]:
    """A target at which nobody listens: the port is taken, and not listened at."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


@pytest.fixture
def campus(shared: Server) -> Iterator[campus_client.Campus]:
    """A client for threads of the shared server."""
    with campus_client.connect(shared.target) as campus:
        yield campus


@pytest.fixture
async def acampus(shared: Server) -> AsyncIterator[aio.Campus]:
    """A client for asyncio of the shared server."""
    async with aio.connect(shared.target) as campus:
        yield campus


@pytest.fixture
def fresh_id(request: pytest.FixtureRequest) -> Callable[[str], str]:
    """Makes ids that no other test has."""
    prefix = f"{abs(hash(request.node.nodeid)):x}"[:10]
    return lambda name: f"{prefix}-{name}"


def pytest_configure(config: Any) -> None:
    """Finds the program before any test begins."""
    from servers import program

    program()
