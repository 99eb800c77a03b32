"""The client for asyncio: the same as `campus_client`, with `await`, `async for` and `async with`."""

from ._calls import Stream
from ._client import Campus, connect
from ._people import People
from ._records import Listing, Records

__all__ = ["Campus", "Listing", "People", "Records", "Stream", "connect"]
