"""Starts and stops real servers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import pytest
from typing_extensions import Self

T = TypeVar("T")
# Seconds; far longer than anything takes, so that a slow machine fails no test.
PATIENCE = 30.0


def program() -> Path:
    """Returns the path of `campus`: CAMPUS_PROGRAM, or what cargo has built in this checkout."""
    checkout = Path(__file__).parents[3]
    built = Path(os.environ.get("CARGO_TARGET_DIR", checkout / "target")) / "debug" / "campus"
    found = Path(os.environ.get("CAMPUS_PROGRAM", built))
    if not found.is_file():
        pytest.exit(f"{found} is not there: run cargo build -p campus, or set CAMPUS_PROGRAM", 69)
    return found


def eventually(what: str, find: Callable[[], T | None]) -> T:
    """Returns the first true value that `find` gives; fails if there is none in time."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = find()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"waited in vain for {what}")


class Server:
    """`campus serve`, with its data in a folder."""

    def __init__(self, folder: Path, *, listen: str = "127.0.0.1:0", **settings: str):
        """Starts it; settings are named as in the environment, `SERVER__TLS__KEY` for example."""
        self._folder = folder
        self._settings = settings
        self._starts = 0
        self.target = listen
        self.start()

    def start(self) -> None:
        """Starts it, where it was before, and waits until it listens."""
        self._starts += 1
        log = self._folder / f"log-{self._starts}"
        environment = {key: value for key, value in os.environ.items() if not key.startswith("CAMPUS__")}
        environment |= {f"CAMPUS__{key}": value for key, value in self._settings.items()}
        arguments = ["--data-dir", str(self._folder / "data"), "--listen", self.target]
        arguments += ["--admin-listen", "127.0.0.1:0", "--rest-listen", "off"]
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [program(), "serve", *arguments], env=environment, stdout=output, stderr=subprocess.STDOUT
            )

        def listening() -> dict[str, str] | None:
            text = log.read_text()
            assert self._process.poll() is None, f"campus serve has ended:\n{text}"
            lines = [json.loads(line) for line in text.splitlines() if line.startswith("{") and line.endswith("}")]
            return next((line for line in lines if line["message"] == "listening"), None)

        line = eventually("a server that listens", listening)
        self.target, self._admin = line["grpc.address"], line["admin.address"]

    @property
    def port(self) -> int:
        """The port of its services."""
        return int(self.target.rpartition(":")[2])

    def kill(self) -> None:
        """Ends it at once, as a crash does."""
        self._process.kill()
        self._process.wait(PATIENCE)

    def stop(self) -> None:
        """Asks it to end its calls and itself; SIGINT leaves out the time for others to notice."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(PATIENCE)

    def terminate(self) -> None:
        """Tells it to stop as Kubernetes does: for a while it says that it will, and goes on."""
        self._process.terminate()

    def running(self) -> bool:
        """Whether it is there."""
        return self._process.poll() is None

    def handled(self, method: str, code: str = "") -> int:
        """Returns how many calls of the method have ended with the code, or with any."""
        with urllib.request.urlopen(f"http://{self._admin}/metrics", timeout=PATIENCE) as answer:
            lines = answer.read().decode().splitlines()
        wanted = [f'grpc_method="{method}"', f'grpc_code="{code}']
        counts = [line for line in lines if line.startswith("grpc_server_handled_total{")]
        return sum(int(line.rpartition(" ")[2]) for line in counts if all(part in line for part in wanted))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.kill()
