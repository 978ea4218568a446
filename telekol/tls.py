"""Mutual TLS to the broker: the files, the context, and what its errors mean. Touches files.

Owns how a service proves who it is and sees who the broker is. Must not know MQTT.

Invariants
----------
1. The broker's certificate is checked against our own CA alone, and its name against the address
   we dialled; there is no switch to turn that off.
2. Files are read anew for every connection, so that a renewed certificate is used by the next.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from telekol.errors import TlsError


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Where our CA, our certificate and our key lie, all PEM."""

    ca: Path
    certificate: Path
    key: Path


class _ClosedOnFailure(ssl.SSLSocket):
    """Closes itself when its handshake fails; paho forgets the socket and leaves it open."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


def client_context(files: TlsFiles) -> ssl.SSLContext:
    """Make the context of one connection.

    Raises
    ------
    TlsError
        If a file is missing or is not what it should be.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.sslsocket_class = _ClosedOnFailure
    try:
        context.load_verify_locations(cafile=files.ca)
    except (OSError, ssl.SSLError) as error:
        raise TlsError(
            f"expected the CA's certificate (PEM) in {files.ca}, found: {_short(error)}; "
            "see TELEKOL_BROKER_TLS_CA"
        ) from error
    try:
        context.load_cert_chain(files.certificate, files.key, password=_no_password)
    except (OSError, ssl.SSLError) as error:
        raise TlsError(
            f"expected a certificate in {files.certificate} and its own key, without a password, "
            f"in {files.key}, found: {_short(error)}; see TELEKOL_BROKER_TLS_CERTIFICATE and _KEY"
        ) from error
    return context


_WRONG_NAME: Final = "its certificate is for another name; connect to the name in it"

_MEANINGS: Final[dict[str, str]] = {
    "HOSTNAME MISMATCH": _WRONG_NAME,
    "IP ADDRESS MISMATCH": _WRONG_NAME,
    "CERTIFICATE HAS EXPIRED": "its certificate has expired, or our clock is wrong; renew the "
    "broker's certificate",
    "NOT YET VALID": "its certificate is not valid yet by our clock; see that this machine has "
    "the right time",
    "CERTIFICATE_VERIFY_FAILED": "its certificate is not signed by the CA in "
    "TELEKOL_BROKER_TLS_CA; this is not our broker, or the CA file is another's",
    "ALERT_CERTIFICATE_EXPIRED": "it refused our certificate, which has expired; renew it",
    "ALERT_CERTIFICATE_REVOKED": "it refused our certificate, which is revoked; enrol anew",
    "ALERT_UNKNOWN_CA": "it refused our certificate, which is not signed by a CA that it trusts; "
    "have the request signed by the broker's CA",
    "ALERT_CERTIFICATE_REQUIRED": "it wants a certificate and got none; set "
    "TELEKOL_BROKER_TLS_CERTIFICATE and _KEY",
    "WRONG_VERSION_NUMBER": "it does not speak TLS there; check the port in TELEKOL_BROKER_URL",
}
"""What OpenSSL says, and what a person can do about it; the first that fits."""


def meaning(text: str) -> str | None:
    """Say in a person's words what a text of OpenSSL means; None if it is not one we know."""
    shout = text.upper()
    for sign, said in _MEANINGS.items():
        if sign in shout:
            return said
    if "[SSL" in shout:
        return f"TLS failed: {text[:160]}"
    return None


def failure(error: BaseException | None) -> str | None:
    """Say what a failed try to connect with TLS means; None if TLS had no part in it."""
    if isinstance(error, ConnectionResetError):
        return "it hung up while TLS began; check that the port in TELEKOL_BROKER_URL is for TLS"
    return meaning(str(error))


def _no_password() -> bytes:
    # Without it OpenSSL would ask on the terminal, and a service would hang there.
    return b""


def _short(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such file"
    if isinstance(error, PermissionError):
        return "it may not be read by this user"
    if "KEY_VALUES_MISMATCH" in str(error).upper():
        return "the key belongs to another certificate"
    return str(error)[:160]
