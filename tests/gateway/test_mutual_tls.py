"""Mutual TLS with the production broker's own configuration: who gets in, to what, and what the
person sees who does not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.errors import BrokerRefusedError
from gateway.keeping.outbox import Outbox
from gateway.link.enrolment import enrol
from gateway.link.mqtt import Broker, Connection, Will
from telekol import topics
from telekol.tls import TlsFiles
from tests.gateway.conftest import GATEWAY, NOW, Server, make_link, observation
from tests.gateway.test_uplink import running, until
from tests.support.processes import telekol
from tests.support.secure_broker import Authority, SecureBroker

OTHER = "gw-other-01"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def ours(authority: Authority) -> TlsFiles:
    return authority.gateway(GATEWAY)


@pytest.fixture
def secure(tmp_path: Path, authority: Authority) -> Iterator[SecureBroker]:
    with SecureBroker(tmp_path, authority) as broker:
        yield broker


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    outbox = Outbox.open(tmp_path / "outbox.db", NOW)
    yield outbox
    outbox.close()


def at(broker: SecureBroker, files: TlsFiles, gateway: str = GATEWAY) -> Broker:
    return Broker("localhost", broker.tls_port, gateway, files)


def connection(broker: Broker, gateway: str | None = None) -> Connection:
    topic = topics.receipts(gateway or broker.client_id)
    return Connection(broker, {topic: lambda _: None})


async def refusal(broker: Broker, gateway: str | None = None) -> str:
    one = connection(broker, gateway)
    try:
        with pytest.raises(BrokerRefusedError) as caught:
            await one.open()
    finally:
        await one.close()
    return str(caught.value)


async def test_a_reading_goes_in_by_tls_and_its_receipt_comes_out(
    secure: SecureBroker, ours: TlsFiles, outbox: Outbox
) -> None:
    server = Server(secure.port)
    server.start()
    outbox.put([observation(1)])
    link = make_link(at(secure, ours), outbox)
    async with running(link.uplink):
        await until(lambda: outbox.depth() == 0)
    server.stop()
    assert not link.condition.troubles


def _expired(authority: Authority, ours: TlsFiles) -> TlsFiles:
    certificate = authority.issue(GATEWAY, ours.key, expires_in=timedelta(days=-1))
    return replace(ours, certificate=certificate)


def _others(authority: Authority, ours: TlsFiles) -> TlsFiles:
    return replace(ours, certificate=authority.issue(OTHER, ours.key, expires_in=timedelta(days=9)))


def _missing(authority: Authority, ours: TlsFiles) -> TlsFiles:
    return replace(ours, certificate=authority.folder / "nowhere.crt")


def _wrong_key(authority: Authority, ours: TlsFiles) -> TlsFiles:
    made = enrol("gw-stray-01", authority.folder / "stray.key", renew=True)
    return replace(ours, key=made.key)


def _another_ca(authority: Authority, ours: TlsFiles) -> TlsFiles:
    return replace(ours, ca=Authority(authority.folder / "another").ca)


@pytest.mark.parametrize(
    ("files_of", "says"),
    [
        (_expired, "it refused our certificate, which has expired; renew it"),
        (_others, f"the common name '{GATEWAY}', this gateway's id, found '{OTHER}'"),
        (_missing, "No such file or directory; run telekol gateway enrol"),
        (_wrong_key, "the key belongs to another certificate"),
        (_another_ca, "not signed by the CA in TELEKOL_BROKER_TLS_CA; this is not our broker"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
async def test_what_is_wrong_with_the_files_is_said(
    secure: SecureBroker,
    authority: Authority,
    ours: TlsFiles,
    files_of: Callable[[Authority, TlsFiles], TlsFiles],
    says: str,
) -> None:
    assert says in await refusal(at(secure, files_of(authority, ours)))


async def test_a_certificate_of_a_stranger_is_refused(
    secure: SecureBroker, authority: Authority, ours: TlsFiles, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path / "stranger").gateway(GATEWAY)
    said = await refusal(at(secure, replace(stranger, ca=authority.ca)))
    assert "not signed by a CA that it trusts; have the request signed by the broker's CA" in said


async def test_nobody_gets_in_without_a_certificate(
    secure: SecureBroker, ours: TlsFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gateway cannot be set up so; a stranger's program can."""
    monkeypatch.setattr("ssl.SSLContext.load_cert_chain", lambda *_, **__: None)
    assert "it wants a certificate and got none" in await refusal(at(secure, ours))


async def test_the_brokers_name_is_checked(secure: SecureBroker, ours: TlsFiles) -> None:
    said = await refusal(replace(at(secure, ours), host="127.0.0.1"))
    assert "its certificate is for another name; connect to the name in it" in said


async def test_a_port_without_tls_is_said(secure: SecureBroker, ours: TlsFiles) -> None:
    said = await refusal(replace(at(secure, ours), port=secure.port))
    assert (
        "it hung up while TLS began; check that the port in TELEKOL_BROKER_URL is for TLS" in said
    )


async def test_another_gateways_topics_are_closed(
    secure: SecureBroker, authority: Authority, ours: TlsFiles
) -> None:
    """Mosquitto grants any subscription and delivers nothing of it; writing it refuses by name."""
    server = Server(secure.port)
    server.start()
    assert server.client is not None
    heard: list[bytes] = []
    refused: list[str] = []
    one = Connection(
        at(secure, ours),
        {topics.receipts(GATEWAY): heard.append, topics.receipts(OTHER): heard.append},
        None,
        refused.append,
    )
    await one.open()
    server.client.publish(topics.receipts(OTHER), b"for another", qos=1)
    server.client.publish(topics.receipts(GATEWAY), b"for us", qos=1)
    await until(lambda: b"for us" in heard)
    assert heard == [b"for us"]
    for topic in (topics.observations(OTHER), topics.receipts(GATEWAY), topics.health(OTHER)):
        assert one.publish(topic, b"not mine")
    await until(lambda: len(refused) == 3)
    assert set(refused) == {"it refused a message: Not authorized"}
    await one.close()
    server.stop()
    assert not server.arrivals


async def test_a_last_will_on_anothers_topic_is_not_published(
    secure: SecureBroker, ours: TlsFiles
) -> None:
    """Or one home could have another called offline."""
    wills: list[bytes] = []
    heard = Connection(
        Broker("127.0.0.1", secure.port, "listener"),
        {topics.health(OTHER): wills.append, topics.health(GATEWAY): wills.append},
    )
    await heard.open()
    for topic in (topics.health(OTHER), topics.health(GATEWAY)):
        handlers = {topics.receipts(GATEWAY): lambda _: None}
        one = Connection(at(secure, ours), handlers, Will(topic, topic.encode(), 0))
        await one.open()
        await one.close()
    await until(lambda: wills)
    assert wills == [topics.health(GATEWAY).encode()]
    await heard.close()


async def test_one_home_cannot_take_over_anothers_session(
    secure: SecureBroker, authority: Authority, ours: TlsFiles
) -> None:
    """The broker makes the certificate's name the client id, whatever the client calls itself."""
    ours_open = connection(at(secure, ours))
    await ours_open.open()
    other = Connection(
        at(secure, authority.gateway(OTHER), OTHER), {topics.receipts(OTHER): lambda _: None}
    )
    original = other._make_client

    def with_a_stolen_id() -> object:
        client = original()
        client._client_id = GATEWAY.encode()
        return client

    other._make_client = with_a_stolen_id  # type: ignore[method-assign, assignment]
    await other.open()
    await asyncio.sleep(0.3)
    assert not ours_open.ended.done()
    await ours_open.close()
    await other.close()


async def test_a_renewed_certificate_is_used_by_the_next_connection(
    secure: SecureBroker, authority: Authority, ours: TlsFiles, outbox: Outbox, tmp_path: Path
) -> None:
    server = Server(secure.port)
    server.start()
    place = tmp_path / "own.crt"
    place.write_bytes(
        authority.issue(GATEWAY, ours.key, expires_in=timedelta(days=-2)).read_bytes()
    )
    outbox.put([observation(1)])
    link = make_link(at(secure, replace(ours, certificate=place)), outbox)
    async with running(link.uplink):
        await until(lambda: [item.code for item in link.condition.troubles] == ["broker-refused"])
        assert "has expired; renew it" in link.condition.troubles[0].detail
        place.write_bytes(ours.certificate.read_bytes())
        await until(lambda: outbox.depth() == 0)
        assert not link.condition.troubles
    server.stop()


def test_a_gateway_with_anothers_certificate_does_not_start(
    authority: Authority, ours: TlsFiles, tmp_path: Path
) -> None:
    files = _others(authority, ours)
    process = telekol(
        tmp_path,
        "gateway",
        *("--id", GATEWAY, "--outbox", str(tmp_path / "o.db")),
        TELEKOL_BROKER_URL="mqtts://localhost:1",
        TELEKOL_BROKER_TLS_CA=str(files.ca),
        TELEKOL_BROKER_TLS_CERTIFICATE=str(files.certificate),
        TELEKOL_BROKER_TLS_KEY=str(files.key),
    ).start()
    assert process.wait(30) == 2
    said = " ".join(process.output().split())
    assert f"the common name '{GATEWAY}', this gateway's id, found '{OTHER}'" in said
    assert "or correct TELEKOL_GATEWAY_ID" in said
