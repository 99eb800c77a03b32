"""Certificates, made with openssl."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, as files."""

    certificate: Path
    key: Path


class Authority:
    """Signs certificates."""

    def __init__(self, folder: Path, name: str):
        """Makes its own certificate in the folder."""
        self._folder, self._name = folder, name
        pair = self._pair("ca")
        self.certificate, self._key = pair.certificate, pair.key
        _openssl("req", "-x509", *_NEW, "-keyout", self._key, "-out", self.certificate, "-subj", f"/CN={name}")

    def sign(self, subject: str) -> Pair:
        """Returns a certificate for a DNS name."""
        pair = self._pair(subject)
        extensions = ["-addext", f"subjectAltName=DNS:{subject}", "-addext", "basicConstraints=critical,CA:FALSE"]
        authority: list[str | Path] = ["-CA", self.certificate, "-CAkey", self._key]
        files: list[str | Path] = ["-keyout", pair.key, "-out", pair.certificate]
        _openssl("req", "-x509", *_NEW, *authority, *files, "-subj", f"/CN={subject}", *extensions)
        return pair

    def _pair(self, subject: str) -> Pair:
        return Pair(self._folder / f"{self._name}-{subject}.pem", self._folder / f"{self._name}-{subject}.key")


_NEW = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]


def _openssl(*arguments: str | Path) -> None:
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
