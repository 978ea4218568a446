"""Enrolment: makes this gateway's key and signing request. Touches files.

Owns where they are written. The key never leaves the gateway; only the request does.

Invariants
----------
1. A key that is there is never overwritten: renewal writes a new one beside it, and the old pair
   works until a person has put the new pair in its place.
2. A key is never readable by another user, not even while it is being written.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.errors import CertificateError
from gateway.link.certificate import (
    Certificate,
    check_owner,
    new_key,
    read_certificate,
    signing_request,
)
from telekol.tls import TlsFiles

_OURS_ALONE: Final = 0o600


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What was made: a key and the request for it."""

    key: Path
    request: Path


def enrol(gateway: str, key: Path, *, renew: bool) -> Enrolment:
    """Make a key and a signing request.

    Parameters
    ----------
    key
        Where the gateway looks for its key.
    renew
        Make a new key beside the one that is there.

    Raises
    ------
    CertificateError
        If there is a key already and `renew` was not asked for, or nothing can be written.
    """
    if key.exists() and not renew:
        raise CertificateError(
            f"found a key in {key} already; it is left alone. To replace it: "
            "telekol gateway enrol --renew makes a new one beside it"
        )
    place = key.with_name(key.name + ".next") if key.exists() else key
    request = place.with_name(place.name + ".csr")
    pem = new_key()
    try:
        key.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # The key last: after a power cut in between, the next enrol finds none and makes both.
        _write(request, signing_request(pem, gateway))
        _write(place, pem)
    except OSError as error:
        raise CertificateError(f"cannot write {error.filename}: {error.strerror}") from error
    return Enrolment(place, request)


def next_steps(made: Enrolment, key: Path) -> str:
    """Say what the person does now."""
    lines = [
        f"Key:     {made.key}   (stays here; copy it nowhere)",
        f"Request: {made.request}",
        "",
        "Next:",
        f"1. Take the request to whoever keeps the CA: docker/certificates.sh sign {made.request}",
        "2. Put the certificate that comes back, and the CA's own, on this machine.",
    ]
    if made.key != key:
        lines.append(f"3. mv {made.key} {key}, and the certificate over the old one. The gateway")
        lines.append("   uses them from its next connection on; until then the old pair works.")
    else:
        lines.append(
            "3. Set TELEKOL_BROKER_URL to mqtts://HOST:8883, TELEKOL_BROKER_TLS_CA,\n"
            f"   TELEKOL_BROKER_TLS_CERTIFICATE, and TELEKOL_BROKER_TLS_KEY={key}"
        )
    return "\n".join(lines)


def own_certificate(files: TlsFiles, gateway: str) -> Certificate:
    """Read this gateway's certificate and see that it is its own.

    Raises
    ------
    CertificateError
        If it is missing, unreadable or another's.
    """
    try:
        pem = files.certificate.read_bytes()
    except OSError as error:
        raise CertificateError(
            f"expected this gateway's certificate in {files.certificate}, found: {error.strerror}; "
            "run telekol gateway enrol, have its request signed, and put the certificate there"
        ) from error
    certificate = read_certificate(pem)
    check_owner(certificate, gateway)
    return certificate


def _write(path: Path, content: bytes) -> None:
    """Write a file that nobody else may read, whole or not at all."""
    draft = path.with_name(path.name + ".draft")
    draft.unlink(missing_ok=True)
    number = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OURS_ALONE)
    with os.fdopen(number, "wb") as sink:
        sink.write(content)
        sink.flush()
        os.fsync(sink.fileno())
    draft.replace(path)
