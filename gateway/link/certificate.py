"""The gateway's certificate: its key, its signing request, whose it is and how long it holds.

Owns what is known of X.509; bytes in, bytes and facts out. Must not know MQTT or where files
lie. The library is the one that Bumble already needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.errors import CertificateError

EXPIRES_SOON: Final = timedelta(days=30)
"""From when a person is told: a month holds a holiday and a visit to the home."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a certificate says: whom it names, and until when it holds."""

    common_name: str
    expires_at: datetime


def new_key() -> bytes:
    """Make a P-256 key, as PEM."""
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def signing_request(key_pem: bytes, gateway: str) -> bytes:
    """Make the request that a CA signs, as PEM; its common name is the gateway's id."""
    key = serialization.load_pem_private_key(key_pem, password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise CertificateError("expected an elliptic-curve key, found another kind")
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, gateway)])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM)


def read_certificate(pem: bytes) -> Certificate:
    """Read a certificate.

    Raises
    ------
    CertificateError
        If it cannot be read or names nobody.
    """
    try:
        certificate = x509.load_pem_x509_certificate(pem)
    except ValueError as error:
        raise CertificateError(f"expected a certificate (PEM), found: {error}") from error
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    if len(names) != 1:
        raise CertificateError(f"expected one common name, found {len(names)}")
    return Certificate(str(names[0].value), certificate.not_valid_after_utc)


def check_owner(certificate: Certificate, gateway: str) -> None:
    """See that a certificate is this gateway's own.

    Raises
    ------
    CertificateError
        If it names another: the broker would let us onto another home's topics, or none.
    """
    if certificate.common_name != gateway:
        raise CertificateError(
            f"expected a certificate with the common name {gateway!r}, this gateway's id, found "
            f"{certificate.common_name!r}; run telekol gateway enrol and have the request signed, "
            "or correct TELEKOL_GATEWAY_ID"
        )


def expires_soon(certificate: Certificate, now: datetime) -> str | None:
    """Say when it expires if that is soon or past; None while there is time."""
    left = certificate.expires_at - now
    if left > EXPIRES_SOON:
        return None
    day = certificate.expires_at.date().isoformat()
    return f"expires {day}" if left > timedelta(0) else f"expired {day}"
