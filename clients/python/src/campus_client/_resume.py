"""When and where a stream that was cut is taken up again; knows nothing of threads or of asyncio."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

from .errors import CampusError, Unavailable

# Seconds, about: while one server is replaced by another, and while none is there.
_FIRST_PAUSE, _LONGEST_PAUSE, _GROWTH = 0.1, 5.0, 1.6

Follow = Callable[[Any, Any], None]
"""Changes the request so that the stream goes on after the message."""


class Cursor:
    """The place in a stream."""

    def __init__(self, request: Any, follow: Follow | None, resume_for: float, timeout: float | None):
        """Takes the first request, and for how many seconds without any message it is tried to go on."""
        self.request = request
        self._follow = follow
        self._resume_for = resume_for if follow else 0.0
        self._deadline = None if timeout is None else time.monotonic() + timeout
        self.begun = False
        """Whether a server has taken the call. One that nobody takes fails, as any call does."""
        self._settle()

    def _settle(self) -> None:
        self._failing_since: float | None = None
        self._pause = _FIRST_PAUSE

    def timeout(self) -> float | None:
        """Seconds that are left of the time of the whole stream."""
        return None if self._deadline is None else max(self._deadline - time.monotonic(), 0.0)

    def seen(self, message: Any) -> None:
        """Moves on."""
        self.begun = True
        if self._follow is not None:
            self._follow(self.request, message)
        if self._failing_since is not None:
            self._settle()

    def pause(self, error: CampusError) -> float:
        """Returns the seconds to wait before the stream is taken up again, or raises the error if it is not."""
        now = time.monotonic()
        if self._failing_since is None:
            self._failing_since = now
        told = error.retry_delay
        pause = max(self._pause * random.uniform(0.8, 1.2), told or 0.0)  # noqa: S311
        ends = [self._failing_since + self._resume_for, *([] if self._deadline is None else [self._deadline])]
        mends = isinstance(error, Unavailable) or told is not None
        if not (self.begun and mends) or now + pause > min(ends):
            raise error
        self._pause = min(self._pause * _GROWTH, _LONGEST_PAUSE)
        return pause
