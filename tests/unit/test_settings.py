"""Addresses that a driver would choke on later are refused when the settings are read."""

from __future__ import annotations

import pytest
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import Conninfo

from telekol.errors import SettingsError
from telekol.settings import DATABASE_PARAMETERS, BrokerSettings, DatabaseSettings, load


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://",
        "postgresql://u:p%40ss@h:5432/name",
        "postgresql://postgres@/postgres?host=%2Ftmp%2Fa%20b",
        "postgresql://[::1]:5432/name?sslmode=require&connect_timeout=3",
    ],
)
def test_an_address_that_a_driver_takes_is_taken(url: str) -> None:
    conninfo_to_dict(url)
    assert load(DatabaseSettings, database_url=url).database_url.get_secret_value() == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hunter2",
        "postgres://u:hunter2@h/name",
        "mysql://u:hunter2@h/name",
        "postgresql:/hunter2",
        "postgresql://u:hunter2@h:99999/name",
        "postgresql://u:hunter2@h:0/name",
        "postgresql://u:hunter2@h:port/name",
        "postgresql://u:hunter2#x@h/name",
        "postgresql://u:hunter2?x@h/name",
        "postgresql://u:hunter2/x@h/name",
        "postgresql://u:hunter2[x@h/name",
        "postgresql://u:hunter2%zz@h/name",
        "postgresql://u:hunter2%00@h/name",
        "postgresql://x?nonsense=hunter2",
        "postgresql://x?hunter2",
        "postgresql://x?connect_timeout=hunter2",
    ],
)
def test_any_other_is_refused_and_nothing_of_it_repeated(url: str) -> None:
    with pytest.raises(SettingsError, match="TELEKOL_DATABASE_URL is wrong") as refused:
        load(DatabaseSettings, database_url=url)
    assert "hunter2" not in str(refused.value)


def test_the_parameters_are_those_of_the_driver() -> None:
    assert {known.keyword.decode() for known in Conninfo.get_defaults()} == DATABASE_PARAMETERS


@pytest.mark.parametrize("url", ["mqtt://h:99999", "mqtt://h:0", "mqtt://h:x", "mqtt://[h", "h:1"])
def test_a_broker_address_has_a_port_that_exists(url: str) -> None:
    with pytest.raises(SettingsError, match="expected mqtts://HOST:PORT"):
        load(BrokerSettings, broker_url=url)


def test_a_broker_address_without_a_port_means_the_usual_one() -> None:
    settings = load(BrokerSettings, broker_url="mqtt://broker.example")
    assert (settings.broker_host, settings.broker_port) == ("broker.example", 1883)


@pytest.mark.parametrize(
    ("url", "files"),
    [
        ("mqtts://h", ()),
        ("mqtts://h", ("ca", "certificate")),
        ("mqtt://h", ("ca", "certificate", "key")),
    ],
)
def test_tls_is_whole_or_not_there(url: str, files: tuple[str, ...]) -> None:
    """Or a forgotten letter would have a home speak in the clear."""
    given = {f"broker_tls_{name}": name for name in files}
    with pytest.raises(SettingsError, match="together with mqtts://") as caught:
        load(BrokerSettings, broker_url=url, **given)
    assert ("found none of them with" in str(caught.value)) is (not files)


def test_what_is_said_of_several_settings_repeats_no_password() -> None:
    class Both(DatabaseSettings, BrokerSettings):
        pass

    with pytest.raises(SettingsError) as caught:
        load(Both, database_url="postgresql://u:hunter2@h/d", broker_url="mqtts://h")
    assert "hunter2" not in str(caught.value)


def test_the_port_is_that_of_the_scheme() -> None:
    whole = {"broker_tls_ca": "a", "broker_tls_certificate": "b", "broker_tls_key": "c"}
    assert load(BrokerSettings, broker_url="mqtts://h", **whole).broker_port == 8883
    assert load(BrokerSettings, broker_url="mqtt://h").broker_port == 1883
