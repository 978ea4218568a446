"""Enrolment: a key that is ours alone and never overwritten, a request that names the gateway."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.certificate import EXPIRES_SOON, Certificate, expires_soon
from gateway.enrolment import enrol, own_certificate
from gateway.errors import CertificateError
from tests.gateway.conftest import GATEWAY, NOW
from tests.support.secure_broker import Authority


def telekol(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "telekol", "gateway", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_person_enrols_a_gateway(tmp_path: Path) -> None:
    key = tmp_path / "new" / "gateway.key"
    done = telekol("enrol", "--id", GATEWAY, "--key", str(key))
    assert done.returncode == 0, done.stderr
    for part in (f"{key}.csr", "docker/certificates.sh sign", "TELEKOL_BROKER_TLS_CERTIFICATE"):
        assert part in done.stdout
    assert key.stat().st_mode & 0o777 == 0o600
    request = x509.load_pem_x509_csr(Path(f"{key}.csr").read_bytes())
    assert request.is_signature_valid
    (name,) = request.subject
    assert (name.oid, name.value) == (NameOID.COMMON_NAME, GATEWAY)
    public = request.public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    assert isinstance(public.curve, ec.SECP256R1)
    own = serialization.load_pem_private_key(key.read_bytes(), password=None)
    assert own.public_key() == public
    assert "PRIVATE KEY" not in done.stdout


def test_a_second_time_is_refused_and_renewal_leaves_the_old_pair_alone(tmp_path: Path) -> None:
    key = tmp_path / "gateway.key"
    enrol(GATEWAY, key, renew=False)
    before = key.read_bytes()
    done = telekol("enrol", "--id", GATEWAY, "--key", str(key))
    assert done.returncode == 2
    assert "--renew makes a new one beside it" in " ".join(done.stderr.split())
    done = telekol("enrol", "--id", GATEWAY, "--key", str(key), "--renew")
    assert done.returncode == 0
    assert "until then the old pair works" in done.stdout
    assert key.read_bytes() == before
    new = tmp_path / "gateway.key.next"
    assert new.read_bytes() != before
    assert new.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("gateway", ["", "Gw-A", "gw/+", "a b", "#"])
def test_a_name_that_is_no_gateways_is_refused(tmp_path: Path, gateway: str) -> None:
    done = telekol("enrol", "--id", gateway, "--key", str(tmp_path / "k"))
    assert done.returncode == 2
    assert "TELEKOL_GATEWAY_ID is wrong" in done.stderr
    assert not (tmp_path / "k").exists()


@pytest.mark.parametrize("stopped_at", [1, 2])
def test_an_enrolment_that_is_cut_off_is_simply_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stopped_at: int
) -> None:
    key, replaced, left = tmp_path / "gateway.key", Path.replace, iter(range(1, 9))

    def killed(self: Path, target: Path) -> Path:
        if next(left) == stopped_at:
            raise KeyboardInterrupt
        return replaced(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            enrol(GATEWAY, key, renew=False)
    made = enrol(GATEWAY, key, renew=False)
    request = x509.load_pem_x509_csr(made.request.read_bytes())
    private = serialization.load_pem_private_key(made.key.read_bytes(), None)
    assert request.public_key() == private.public_key()


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(CertificateError, match="cannot write"):
        enrol(GATEWAY, tmp_path / "file" / "gateway.key", renew=False)


@pytest.mark.parametrize(
    "common_name", ["ingest.telekol", "gw-a/../../x", "+", "#", "gw-a\nCN = gw-b", "GW-A"]
)
def test_the_ca_signs_for_gateways_alone(tmp_path: Path, common_name: str) -> None:
    """A common name becomes a part of the topics its owner may use."""
    authority = Authority(tmp_path / "ca")
    made = enrol(common_name, tmp_path / "k", renew=False)
    with pytest.raises(RuntimeError, match="expected a gateway's id as the common name"):
        authority.run("sign", str(made.request))
    assert not list((tmp_path / "ca" / "gateways").iterdir())


def test_the_ca_signs_no_request_that_was_changed(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    made = enrol(GATEWAY, tmp_path / "k", renew=False)
    lines = made.request.read_text(encoding="utf-8").splitlines()
    lines[2] = lines[2][::-1]
    made.request.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(RuntimeError, match="no signing request, or was changed"):
        authority.run("sign", str(made.request))


def test_a_signed_certificate_is_the_gateways_own_for_two_years(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    files = authority.gateway(GATEWAY)
    certificate = own_certificate(files, GATEWAY)
    assert certificate.common_name == GATEWAY
    with pytest.raises(CertificateError, match="this gateway's id, found"):
        own_certificate(files, "gw-other-01")
    files.certificate.write_text("nonsense", encoding="utf-8")
    with pytest.raises(CertificateError, match=r"expected a certificate \(PEM\)"):
        own_certificate(files, GATEWAY)


def test_the_ca_is_not_made_twice(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    before = authority.ca.read_bytes()
    with pytest.raises(RuntimeError, match="move it away first"):
        authority.run("ca")
    assert authority.ca.read_bytes() == before


def test_expiry_is_said_from_a_month_before() -> None:
    certificate = Certificate(GATEWAY, NOW)
    day = NOW.date().isoformat()
    assert expires_soon(certificate, NOW - EXPIRES_SOON - timedelta(seconds=1)) is None
    assert expires_soon(certificate, NOW - EXPIRES_SOON) == f"expires {day}"
    assert expires_soon(certificate, NOW) == f"expired {day}"
