"""Whether what was seen is what was expected, and where it is not."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from .values import Fault, Json, Names

# Seconds that <time> may be from now.
_NOW = 3600
_SPECIAL = re.compile(r"<([a-z]+)(?::(.*))?>", re.DOTALL)


def same(at: str, expected: Json, seen: Json, names: Names) -> None:
    """Compares, and keeps what is to be captured. Raises `Fault` with the place of the first difference."""
    if isinstance(expected, str):
        if not _met(expected, seen, names):
            raise _differ(at, expected, seen)
    elif isinstance(expected, list) and isinstance(seen, list):
        for i, (one, other) in enumerate(zip(expected, seen)):  # noqa: B905
            same(f"{at}[{i}]", one, other, names)
        if len(expected) != len(seen):
            more = f"; the next is {_short(seen[len(expected)])}" if len(seen) > len(expected) else ""
            raise Fault(f"{at}: expected {len(expected)} elements, got {len(seen)}{more}")
    elif isinstance(expected, dict) and isinstance(seen, dict):
        for key, value in expected.items():
            if key not in seen:
                raise Fault(f"{at}.{key}: expected {_short(value)}, got nothing")
            same(f"{at}.{key}", value, seen[key], names)
        for key in seen.keys() - expected.keys():
            raise Fault(f"{at}.{key}: expected nothing, got {_short(seen[key])}")
    elif expected != seen or isinstance(expected, bool) != isinstance(seen, bool):
        raise _differ(at, expected, seen)


def includes(expected: Iterable[Json], seen: list[Json], names: Names) -> None:
    """Looks whether the expected ones are among the responses, in their order."""
    rest = iter(seen)
    for at, one in enumerate(expected):
        for other in rest:
            captured = dict(names)
            try:
                same("", one, other, captured)
            except Fault:
                continue
            names.update(captured)
            break
        else:
            raise Fault(f"includes[{at}]: not among the {len(seen)} responses, or not behind the others")


def headers(at: str, expected: dict[str, Json], seen: Callable[[str], list[str]], names: Names) -> None:
    """Compares metadata or headers: those that are expected, whatever else is there."""
    for key, value in expected.items():
        values = seen(key)
        if isinstance(value, str) and len(values) == 1:
            same(f"{at}.{key}", value, values[0], names)
        elif isinstance(value, list) and values:
            same(f"{at}.{key}", value, values, names)
        elif value is not None or values:
            raise _differ(f"{at}.{key}", value, values)


def _met(expected: str, seen: Json, names: Names) -> bool:
    is_text = isinstance(seen, str)
    is_number = isinstance(seen, int | float) and not isinstance(seen, bool)
    text = seen if is_text else json.dumps(seen) if is_number else ""
    special = _SPECIAL.fullmatch(expected)
    kind, value = (special[1], special[2] or "") if special else ("", "")
    checks: dict[str, Callable[[], Any]] = {
        "": lambda: (is_text or is_number) and text == expected,
        "any": lambda: seen != "",
        "time": lambda: _near_now(text),
        "etag": lambda: re.fullmatch(r"[!-~]{1,64}", text),
        "capture": lambda: names.update({value: text}) or text,
        "not": lambda: text not in ("", value),
        "has": lambda: is_text and value in text,
        "length": lambda: is_text and str(len(text)) == value,
    }
    return bool(checks[kind if kind in checks else ""]())


def _near_now(text: str) -> bool:
    moment = Timestamp()
    try:
        moment.FromJsonString(text)
    except ValueError:
        return False
    return text.endswith("Z") and abs(moment.seconds - time.time()) < _NOW


def _differ(at: str, expected: Json, seen: Json) -> Fault:
    return Fault(f"{at}: expected {_short(expected)}, got {_short(seen)}")


def _short(value: Json) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 300 else f"{text[:300]}…"
