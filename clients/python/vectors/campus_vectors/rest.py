"""Requests of REST, each on a connection of its own."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from campus_client import Tls

from . import compare
from .values import Fault, Json, Names

# Seconds.
_LIMIT = 30


@dataclass(frozen=True)
class Answer:
    """What a request has come to."""

    status: int
    headers: http.client.HTTPMessage
    text: str

    def values(self, key: str) -> list[str]:
        """Returns all values of a header, in order."""
        return [value.encode("latin-1").decode("utf-8", "replace") for value in self.headers.get_all(key, [])]

    def lines(self, take: int | None) -> Json:
        """Returns the JSON of each line."""
        return [_parsed(line) for line in self.text.split("\n") if line][:take]

    def events(self, take: int | None) -> Json:
        """Returns the events."""
        return [_event(block) for block in self.text.split("\n\n") if _is_event(block)][:take]


class Rest:
    """Sends requests to one server."""

    def __init__(self, url: str, tls: Tls | None):
        """Reads the files of TLS. Raises `ValueError` if the URL names no server."""
        self._at = urlsplit(url)
        if not self._at.hostname or not self._at.port:
            raise ValueError(f"--rest {url!r}: give http://HOST:PORT")
        self._tls = None
        if tls is not None:
            self._tls = ssl.create_default_context(cafile=str(tls.authorities))
            if tls.certificate is not None and tls.key is not None:
                self._tls.load_cert_chain(tls.certificate, tls.key)

    def send(self, request: Json) -> Answer:
        """Sends, and reads the answer to its end or until enough is there. Raises `Fault` if there is none."""
        host, port = str(self._at.hostname), self._at.port
        if self._tls is None:
            connection = http.client.HTTPConnection(host, port, timeout=_LIMIT)
        else:
            connection = http.client.HTTPSConnection(host, port, timeout=_LIMIT, context=self._tls)
        try:
            return self._exchange(connection, request)
        except (OSError, http.client.HTTPException) as error:
            raise Fault(f"no answer: {error!r}") from error
        finally:
            connection.close()

    def _exchange(self, connection: http.client.HTTPConnection, request: Json) -> Answer:
        kind, body = _body(request)
        headers = dict(request.get("headers", {}))
        given = {key.lower() for key in headers}
        if kind and "content-type" not in given:
            headers["content-type"] = kind
        if body or request["http"] in ("POST", "PUT", "PATCH"):
            headers["content-length"] = str(len(body))
        connection.putrequest(request["http"], request["path"], skip_host="host" in given, skip_accept_encoding=True)
        for key, value in headers.items():
            connection.putheader(key, value)
        connection.endheaders(body)
        response = connection.getresponse()
        events = response.headers.get("content-type") == "text/event-stream"
        return Answer(response.status, response.headers, _read(response, events, request.get("take")))


def check(request: Json, answer: Answer, names: Names) -> None:
    """Compares an answer with what was expected."""
    expected, take = request["expect"], request.get("take")
    if answer.status != expected["status"]:
        raise Fault(f"status: expected {expected['status']}, got {answer.status}: {answer.text}")
    compare.headers("headers", expected.get("headers", {}), answer.values, names)
    forms: dict[str, Callable[[], Json]] = {
        "body": lambda: _parsed(answer.text),
        "lines": lambda: answer.lines(take),
        "events": lambda: answer.events(take),
        "text": lambda: answer.text,
    }
    for key, form in forms.items():
        if key in expected:
            compare.same(key, expected[key], form(), names)


def _body(request: Json) -> tuple[str, bytes]:
    if "body" in request:
        return "application/json", json.dumps(request["body"], ensure_ascii=False).encode()
    if "lines" in request:
        lines = "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in request["lines"])
        return "application/x-ndjson", lines.encode()
    return "", request.get("text", "").encode()


def _read(response: http.client.HTTPResponse, events: bool, take: int | None) -> str:
    received = b""
    while part := response.read1(65536):
        received += part
        if take is not None:
            blocks = received.decode("utf-8", "replace").split("\n\n")[:-1]
            complete = sum(map(_is_event, blocks)) if events else received.count(b"\n")
            if complete >= take:
                break
    try:
        return received.decode()
    except UnicodeDecodeError as error:
        raise Fault(f"the body is no UTF-8: {error}") from error


def _is_event(block: str) -> bool:
    return any(line.startswith("data:") for line in block.split("\n"))


def _event(block: str) -> Json:
    fields = [line.partition(": ")[::2] for line in block.split("\n")]
    event = {"event": "message"} | {key: value for key, value in fields if key in ("event", "id")}
    return event | {"data": _parsed("\n".join(value for key, value in fields if key == "data"))}


def _parsed(text: str) -> Json:
    try:
        return json.loads(text)
    except ValueError as error:
        raise Fault(f"{text!r} is no JSON: {error}") from error
