"""How servers are found and connections are kept: targets, TLS, and the channel options that suit the servers."""

from __future__ import annotations

import ipaddress
import json
import os
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import grpc

DEFAULT_TARGET = "localhost:50051"
Options = Sequence[tuple[str, Any]]
"""Channel options of gRPC, `("grpc.max_receive_message_length", 16 << 20)` for example."""

# Times are in milliseconds. A server lets clients ping every 10 s (server.min_ping_interval); a name is looked up again
# when a connection is lost, since servers come and go behind it.
_OPTIONS: Options = (
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 0),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.initial_reconnect_backoff_ms", 500),
    ("grpc.min_reconnect_backoff_ms", 5_000),
    ("grpc.max_reconnect_backoff_ms", 5_000),
    ("grpc.dns_min_time_between_resolutions_ms", 5_000),
    ("grpc.primary_user_agent", "campus-client-python"),
)


@dataclass(frozen=True)
class Tls:
    """TLS, and mutual TLS if `certificate` and `key` are given. The files (PEM) are read when `connect` is called."""

    authorities: str | os.PathLike[str] | None = None
    """Who may have signed the server's certificate; None trusts the authorities that grpcio brings."""
    certificate: str | os.PathLike[str] | None = None
    """The client's certificate, and the intermediate ones."""
    key: str | os.PathLike[str] | None = None
    """Its private key."""
    server_name: str = ""
    """The name that the server's certificate must be for; empty means the host of the target."""

    def credentials(self) -> grpc.ChannelCredentials:
        """Reads the files.

        Raises `OSError` if one cannot be read, `ValueError` if only one of a pair is given or one makes no sense.
        """
        if (self.certificate is None) != (self.key is None):
            raise ValueError("mutual TLS needs both: give certificate and key, or neither")
        authorities, key, certificate = (
            None if file is None else Path(file).read_bytes() for file in (self.authorities, self.key, self.certificate)
        )
        self._check()
        return grpc.ssl_channel_credentials(authorities, key, certificate)

    def _check(self) -> None:
        """Looks at what gRPC looks at only when it connects, and then calls a server that cannot be reached."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if self.authorities is not None:
            try:
                context.load_verify_locations(self.authorities)
            except ssl.SSLError as error:
                raise ValueError(f"{self.authorities} holds no certificate in PEM") from error
        if self.certificate is not None and self.key is not None:
            try:
                context.load_cert_chain(self.certificate, self.key, password="")
            except ssl.SSLError as error:
                raise ValueError(
                    f"{self.certificate} and {self.key} are no certificate with its key, in PEM and not encrypted"
                ) from error


def service_config() -> str:
    """Returns the service config that is used by default (JSON)."""
    return resources.files(__package__).joinpath("service_config.json").read_text("utf-8")


@dataclass(frozen=True)
class Plan:
    """All that makes a channel, sync or asyncio."""

    target: str
    credentials: grpc.ChannelCredentials | None
    options: Options

    @classmethod
    def make(cls, target: str | None, tls: Tls | None, config: str | None, options: Options) -> Plan:
        """Puts together what `connect` was told; options of the caller come last, so they count."""
        target, tls = read_target(os.environ.get("CAMPUS_SERVER") or DEFAULT_TARGET if target is None else target, tls)
        try:
            json.loads(config or "{}")
        except ValueError as error:
            raise ValueError(f"the service config is no JSON: {error}") from error
        own: list[tuple[str, Any]] = [
            *_OPTIONS,
            ("grpc.service_config", service_config() if config is None else config),
        ]
        if tls is not None and tls.server_name:
            own.append(("grpc.ssl_target_name_override", tls.server_name))
        if authority := _authority(target):
            own.append(("grpc.default_authority", authority))
        given = {key for key, _ in options}
        own = [option for option in own if option[0] not in given]
        return cls(target, tls.credentials() if tls is not None else None, (*own, *options))


def _authority(target: str) -> str:
    """Returns what to send as :authority where gRPC would send a list or a path.

    Neither is an authority (RFC 9113, 8.3.1), and the servers reset such calls.
    """
    scheme, _, addresses = target.partition(":")
    if scheme in ("unix", "unix-abstract"):
        return "localhost"
    return addresses.partition(",")[0] if scheme in ("ipv4", "ipv6") else ""


def read_target(target: str, tls: Tls | None = None) -> tuple[str, Tls | None]:
    """Turns the targets that other clients of Campus take as well into those of gRPC.

    `http://` and `https://` say whether TLS is used, `static:///IP:PORT,...` names several servers; everything else
    (`host:port`, `dns:///host:port`, `unix:/path`) is gRPC's own. Raises `ValueError` if it makes no sense.
    """
    target = target.strip()
    scheme, separator, rest = target.partition("://")
    scheme = scheme.lower()
    if not separator or scheme not in ("http", "https", "static"):
        if not target:
            raise ValueError("the target is empty: give host:port, or set CAMPUS_SERVER")
        return target, tls
    rest = rest.strip("/")
    if not rest:
        raise ValueError(f"{target!r} names no server: a host and a port are missing")
    if scheme == "static":
        return _static(target, rest), tls
    if "@" in rest or "/" in rest:
        raise ValueError(f"a target {scheme}:// is a host and a port, without user or path")
    if not _port(rest):
        raise ValueError(f"{target!r} names no port: write {scheme}://HOST:PORT")
    if scheme == "http" and tls is not None:
        raise ValueError(f"{target!r} is without TLS, but tls is given: write https://{rest}, or leave tls out")
    return f"dns:///{rest}", tls if scheme == "http" else tls or Tls()


def _port(address: str) -> int:
    """Returns the port behind a host, or 0 if it has none that makes sense."""
    host, _, port = address.rpartition(":")
    if not host or (":" in host and host[-1] != "]"):
        return 0
    return int(port) if port.isascii() and port.isdecimal() and int(port) < 1 << 16 else 0


def _static(target: str, rest: str) -> str:
    addresses = rest.split(",")
    if wrong := [address for address in addresses if not _port(address)]:
        raise ValueError(f"{target!r}: {wrong[0]!r} names no port; write IP:PORT, or [IP]:PORT for IPv6, with commas")
    try:
        versions = {ipaddress.ip_address(address.rpartition(":")[0].strip("[]")).version for address in addresses}
    except ValueError as error:
        raise ValueError(f"{target!r}: {error}; write IP:PORT, or [IP]:PORT for IPv6, with commas") from error
    if len(versions) > 1:
        raise ValueError(f"{target!r}: gRPC takes addresses of one version of IP; use a name that has them all")
    return f"ipv{versions.pop()}:{rest}"
