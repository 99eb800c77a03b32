"""What is written for something else: names that stand for values, and lists and strings made of copies."""

from __future__ import annotations

import random
import re
from typing import Any

Json = Any
Names = dict[str, str]
_NAME = re.compile(r"\$\{(.*?)\}", re.DOTALL)


class Fault(Exception):
    """What a vector says cannot be done, or what was seen is not what it expects."""


def names() -> Names:
    """Returns the names that every vector has."""
    return {"run": f"{random.getrandbits(32):08x}", "n": str(random.randint(10_000_000, 21_474_835))}


def fill(value: Json, names: Names) -> Json:
    """Returns the value with everything filled in. Raises `Fault` if a name stands for nothing."""
    if isinstance(value, str):
        return _NAME.sub(lambda found: _named(found[1], names), value)
    if isinstance(value, dict):
        if "$repeat" in value:
            return fill(value["of"], names) * int(value["$repeat"])
        return {key: fill(member, names) for key, member in value.items()}
    if isinstance(value, list):
        return [filled for element in value for filled in _elements(element, names)]
    return value


def _elements(element: Json, names: Names) -> list[Json]:
    if not (isinstance(element, dict) and "$each" in element):
        return [fill(element, names)]
    times = int(element["$each"])
    width = len(str(times - 1))
    return [fill(element["of"], {**names, "i": f"{i:0{width}}"}) for i in range(times)]


def _named(name: str, names: Names) -> str:
    if name not in names:
        raise Fault(f"${{{name}}} stands for nothing")
    return names[name]
