"""TLS and mutual TLS."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from certificates import Authority, Pair
from servers import Server

import campus_client
from campus_client import Student, Tls, aio


class Secured:
    """A server that speaks TLS, and mutual TLS if told so."""

    def __init__(self, folder: Path, *, mutual: bool):
        """Makes the certificates."""
        self.authority = Authority(folder, "ours")
        self.stranger = Authority(folder, "strangers")
        own = self.authority.sign("localhost")
        settings = {"SERVER__TLS__CERTIFICATE": str(own.certificate), "SERVER__TLS__KEY": str(own.key)}
        if mutual:
            settings["SERVER__TLS__CLIENT_CA"] = str(self.authority.certificate)
        self.server = Server(folder, **settings)
        self.target = f"localhost:{self.server.port}"

    def tls(self, pair: Pair | None = None) -> Tls:
        """What a client needs."""
        if pair is None:
            return Tls(self.authority.certificate)
        return Tls(self.authority.certificate, pair.certificate, pair.key)


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    secured = Secured(tmp_path_factory.mktemp("tls"), mutual=False)
    with secured.server:
        yield secured


@pytest.fixture(scope="module")
def mutual(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    secured = Secured(tmp_path_factory.mktemp("mutual"), mutual=True)
    with secured.server:
        yield secured


def test_a_server_is_called_over_tls(secured: Secured) -> None:
    with campus_client.connect(secured.target, tls=secured.tls()) as campus:
        assert campus.students.create(Student()).name
    with campus_client.connect(f"https://{secured.target}", tls=secured.tls()) as campus:
        assert campus.students.create(Student()).name


async def test_a_server_is_called_over_tls_in_asyncio(secured: Secured) -> None:
    async with aio.connect(secured.target, tls=secured.tls()) as campus:
        assert (await campus.students.create(Student())).name


def test_a_server_whose_certificate_is_for_another_name_is_not_called(secured: Secured) -> None:
    with campus_client.connect(secured.server.target, tls=secured.tls()) as campus:
        with pytest.raises(campus_client.Unavailable):
            campus.students.create(Student())
    named = Tls(secured.authority.certificate, server_name="localhost")
    with campus_client.connect(secured.server.target, tls=named) as campus:
        assert campus.students.create(Student()).name


@pytest.mark.parametrize("authorities", ["strangers", "none"])
def test_a_server_that_nobody_we_trust_has_signed_is_not_called(secured: Secured, authorities: str) -> None:
    tls = Tls(secured.stranger.certificate) if authorities == "strangers" else None
    with campus_client.connect(f"https://{secured.target}", tls=tls) as campus:
        with pytest.raises(campus_client.Unavailable):
            campus.students.create(Student())


def test_a_client_shows_its_certificate(mutual: Secured) -> None:
    with campus_client.connect(mutual.target, tls=mutual.tls(mutual.authority.sign("client"))) as campus:
        assert campus.students.create(Student()).name


async def test_a_client_shows_its_certificate_in_asyncio(mutual: Secured) -> None:
    async with aio.connect(mutual.target, tls=mutual.tls(mutual.authority.sign("client"))) as campus:
        assert (await campus.students.create(Student())).name


def test_a_client_without_a_certificate_or_with_a_strangers_is_refused(mutual: Secured) -> None:
    for pair in (None, mutual.stranger.sign("client")):
        with campus_client.connect(mutual.target, tls=mutual.tls(pair)) as campus:
            with pytest.raises(campus_client.Unavailable):
                campus.students.create(Student())


def test_files_that_are_not_there_or_come_alone_are_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nothing-here"):
        campus_client.connect("localhost:1", tls=Tls(tmp_path / "nothing-here"))
    with pytest.raises(ValueError, match="give certificate and key"):
        campus_client.connect("localhost:1", tls=Tls(certificate=tmp_path / "one"))


def test_files_that_hold_something_else_are_refused_at_once(secured: Secured, tmp_path: Path) -> None:
    own, other = secured.authority.sign("one"), secured.authority.sign("two")
    encrypted = tmp_path / "encrypted.key"
    options: list[str | Path] = ["-in", own.key, "-aes256", "-passout", "pass:secret", "-out", encrypted]
    subprocess.run(["openssl", "ec", *options], capture_output=True, check=True)
    text, empty = tmp_path / "text", tmp_path / "empty"
    text.write_text("hello")
    empty.touch()
    for file in (text, empty, own.key):
        with pytest.raises(ValueError, match=f"{file} holds no certificate"):
            campus_client.connect("localhost:1", tls=Tls(file))
    for key in (text, empty, other.key, encrypted):
        with pytest.raises(ValueError, match=f"{key} are no certificate with its key"):
            campus_client.connect("localhost:1", tls=Tls(certificate=own.certificate, key=key))
