"""Runs the steps of a vector, whichever way calls are made."""

from __future__ import annotations

import json
import sys
from collections.abc import Generator
from pathlib import Path
from types import TracebackType
from typing import Any

from typing_extensions import Self

from . import calls, rest, values, vector
from .calls import Plan, Seen
from .values import Fault, Json

_METHODS = calls.methods()


class Run:
    """One vector. What is raised within `with` fails it, but for the end of its steps; leaving prints its line."""

    def __init__(self, name: str):
        """Takes `folder/name`."""
        self.name, self.why, self.bad_file = name, "", False
        self._step = 0
        self._unseen: list[str] = []

    def steps(self, folder: Path) -> Generator[Plan | Json, Any, None]:
        """Gives each step, a `Plan` or a request of REST, and wants to be sent what it has come to."""
        names = values.names()
        self.bad_file = True
        steps = vector.read(folder / f"{self.name}.json")
        self.bad_file = False
        for self._step, raw in enumerate(steps, 1):
            step = values.fill(raw, names)
            if vector.is_rest(step):
                rest.check(step, (yield step), names)
            else:
                seen: Seen = yield Plan.of(step, _METHODS)
                self._unseen += calls.check(step.get("expect", {}), seen, names)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> bool:
        if error is not None and not isinstance(error, StopIteration):
            why = str(error) if isinstance(error, Fault) else repr(error)
            self.why = f"step {self._step}: {why}" if self._step else why
        line: Json = {"vector": self.name, "ok": not self.why}
        line |= {"why": self.why} if self.why else {}
        line |= {"unseen": sorted(set(self._unseen))} if self._unseen else {}
        # In one piece, since other threads print as well.
        sys.stdout.write(f"{json.dumps(line, ensure_ascii=False)}\n")
        sys.stdout.flush()
        return isinstance(error, Exception)
