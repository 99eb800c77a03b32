"""What a vector is made of, as testdata/vectors/README.md describes it. A key that is not there is an error."""

from __future__ import annotations

import json
from pathlib import Path

from .values import Fault, Json

_CALL = {"method", "requests", "metadata", "timeout", "compression", "hold", "cancel", "expect"}
_OUTCOME = {"code", "message", "details", "responses", "includes", "headers", "trailers", "encoding"}
_REQUEST = {"http", "path", "headers", "body", "lines", "text", "take", "expect"}
_ANSWER = {"status", "headers", "body", "lines", "events", "text"}
_BODIES = {"body", "lines", "text", "events"}


def read(file: Path) -> list[Json]:
    """Returns the steps of a file, whose values are still to be filled in. Raises `Fault` if it is no vector."""
    try:
        vector = json.loads(file.read_text("utf-8"))
        _known(vector, {"about", "steps"}, "the vector")
        if not vector.get("steps"):
            raise Fault("has no step")
        for at, step in enumerate(vector["steps"], 1):
            _check(step, f"step {at}")
    except (OSError, ValueError, Fault) as error:
        raise Fault(f"{file}: {error}") from error
    steps: list[Json] = vector["steps"]
    return steps


def is_rest(step: Json) -> bool:
    """Whether a step is a request of REST, and not a call of gRPC."""
    return "http" in step


def _check(step: Json, at: str) -> None:
    rest = is_rest(step)
    _known(step, _REQUEST if rest else _CALL, at)
    expected = step.get("expect", {})
    _known(expected, _ANSWER if rest else _OUTCOME, f"{at}: expect")
    if rest:
        for required, place in (("path", step), ("expect", step), ("status", expected)):
            if required not in place:
                raise Fault(f"{at}: {required} is missing")
        if len(_BODIES & step.keys()) > 1 or len(_BODIES & expected.keys()) > 1:
            raise Fault(f"{at}: there is one form of body, and one of what is expected")
        return
    if "method" not in step:
        raise Fault(f"{at}: method is missing")
    if step.get("compression", "gzip") != "gzip":
        raise Fault(f"{at}: compression: {step['compression']!r} is not gzip")
    cancel = step.get("cancel", "after-requests")
    counted = isinstance(cancel, dict) and cancel.keys() == {"after-responses"}
    if not (counted or cancel in ("after-requests", "after-headers")):
        raise Fault(f"{at}: cancel: {cancel!r} is not known")


def _known(value: Json, keys: set[str], at: str) -> None:
    if not isinstance(value, dict):
        raise Fault(f"{at}: an object is wanted")
    if unknown := value.keys() - keys:
        raise Fault(f"{at}: unknown key {', '.join(sorted(unknown))}")
