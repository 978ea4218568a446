"""A broker with mutual TLS, from the very files of docker/, and certificates from its own CA."""

from __future__ import annotations

import getpass
import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from device_sim.demo.broker import find_mosquitto
from gateway.link.enrolment import enrol
from telekol.tls import TlsFiles
from tests.support.processes import Process, free_port, listens, wait_until

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "docker" / "certificates.sh"


class Authority:
    """A CA made by docker/certificates.sh."""

    def __init__(self, folder: Path, server: str = "localhost") -> None:
        self.folder = folder
        self.run("ca")
        self.run("server", server)

    @property
    def ca(self) -> Path:
        return self.folder / "ca" / "ca.crt"

    def run(self, *arguments: str) -> str:
        done = subprocess.run(
            ["/bin/sh", str(SCRIPT), *arguments],
            env={**os.environ, "TELEKOL_CERTIFICATES": str(self.folder)},
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        if done.returncode:
            raise RuntimeError(done.stderr)
        return done.stdout

    def gateway(self, gateway: str) -> TlsFiles:
        """Enrol a gateway as a person does: its own key, a request, a signature."""
        key = self.folder / "homes" / f"{gateway}.key"
        made = enrol(gateway, key, renew=False)
        self.run("sign", str(made.request))
        return TlsFiles(self.ca, self.folder / "gateways" / f"{gateway}.crt", key)

    def service(self, name: str) -> TlsFiles:
        self.run("service", name)
        return TlsFiles(self.ca, self.folder / f"{name}.crt", self.folder / f"{name}.key")

    def issue(self, common_name: str, key: Path, *, expires_in: timedelta) -> Path:
        """Sign what the script would not: any name, any time."""
        ca = x509.load_pem_x509_certificate(self.ca.read_bytes())
        ca_key = serialization.load_pem_private_key(
            (self.folder / "ca" / "ca.key").read_bytes(), password=None
        )
        own = serialization.load_pem_private_key(key.read_bytes(), password=None)
        assert isinstance(ca_key, ec.EllipticCurvePrivateKey)
        assert isinstance(own, ec.EllipticCurvePrivateKey)
        end = datetime.now(UTC) + expires_in
        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)]))
            .issuer_name(ca.subject)
            .public_key(own.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(end - timedelta(days=30))
            .not_valid_after(end)
            .sign(ca_key, hashes.SHA256())
        )
        place = self.folder / f"issued-{common_name}-{expires_in.days}.crt"
        place.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return place


class SecureBroker(Process):
    """The production broker: `port` for this machine's services, `tls_port` for homes."""

    def __init__(self, folder: Path, authority: Authority) -> None:
        self.port, self.tls_port = free_port(), free_port()
        place = folder / "secure-broker"
        listeners = place / "listeners"
        listeners.mkdir(parents=True)
        source = ROOT / "docker"
        text = (source / "mosquitto.conf").read_text(encoding="utf-8")
        text = text.replace("listener 1883", f"listener {self.port} 127.0.0.1")
        text = text.replace("/mosquitto/config/listeners", str(listeners))
        text = text.replace("/mosquitto/data/", f"{place}/")
        # Mosquitto started as root would become another user, who may not read the tests' folder.
        config = place / "mosquitto.conf"
        config.write_text(f"user {getpass.getuser()}\n{text}", encoding="utf-8")
        for file in (source / "listeners" / "homes").iterdir():
            part = file.read_text(encoding="utf-8")
            part = part.replace("listener 8883", f"listener {self.tls_port} 127.0.0.1")
            part = part.replace("/mosquitto/certificates", str(authority.folder / "broker"))
            part = part.replace("/mosquitto/config/listeners", str(listeners))
            (listeners / file.name).write_text(part, encoding="utf-8")
        program = find_mosquitto()
        assert program is not None, "mosquitto is not installed; run scripts/system-packages"
        super().__init__([program, "-c", str(config)], folder / "secure-broker.log")

    def start(self) -> SecureBroker:
        super().start()
        wait_until(
            lambda: listens(self.port) and listens(self.tls_port),
            "the broker to listen",
        )
        return self
