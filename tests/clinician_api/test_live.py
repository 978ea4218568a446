"""The event stream over a real server and a real database, and the line between them cut."""

from __future__ import annotations

import contextlib
import json
import logging
import queue
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID, uuid4

import httpx
import pytest

from telekol.severity import Severity
from tests.support.processes import wait_until


class Stream:
    """Reads events in a thread; `next_of` waits for one of a kind."""

    def __init__(self, client: httpx.Client) -> None:
        self.events: queue.Queue[tuple[str, str]] = queue.Queue()
        self.comments = 0
        self.ended = threading.Event()
        self._client = client
        self._socket: socket.socket | None = None
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def next_of(self, kind: str, timeout_s: float = 10) -> str:
        while True:
            event, data = self.events.get(timeout=timeout_s)
            if event == kind:
                return data

    def close(self) -> None:
        assert self._socket is not None
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)

    def _read(self) -> None:
        with (
            contextlib.suppress(httpx.HTTPError),
            self._client.stream("GET", "/board/events", timeout=30) as answer,
        ):
            assert answer.status_code == 200
            self._socket = answer.extensions["network_stream"].get_extra_info("socket")
            self._take(answer.iter_lines())
        self.ended.set()

    def _take(self, lines: Iterator[str]) -> None:
        event = ""
        for line in lines:
            if line.startswith("event: "):
                event = line[7:]
            elif line.startswith("data: "):
                self.events.put((event, line[6:]))
            elif line.startswith(":"):
                self.comments += 1


@contextmanager
def stream(client: httpx.Client) -> Iterator[Stream]:
    opened = Stream(client)
    assert json.loads(opened.next_of("live")) == {"listening": True}
    try:
        yield opened
    finally:
        opened.close()


def test_a_finding_and_a_case_come_at_once_and_unchanged(serve, ward, database_url):
    with serve(database_url).signed_in() as client, stream(client) as events:
        patient = ward.add_patient()
        readings = [uuid4(), uuid4()]
        began = time.monotonic()
        finding = ward.add_finding(patient, Severity.RED, readings=readings)
        data = json.loads(events.next_of("finding"))
        assert time.monotonic() - began < 2
        assert data == {
            "kind": "finding",
            "patient": str(patient),
            "finding": str(finding),
            "severity": "red",
            "readings": [str(reading) for reading in readings],
        }
        case = ward.add_case(patient, Severity.YELLOW)
        data = json.loads(events.next_of("case"))
        assert (UUID(data["case"]), data["severity"], data["state"]) == (case, "yellow", "new")


def test_a_step_in_one_browser_reaches_the_other(serve, ward, database_url):
    served = serve(database_url)
    case = ward.add_case(ward.add_patient(), Severity.RED)
    with (
        served.signed_in() as nurse,
        served.signed_in("physician-1") as physician,
        stream(physician) as events,
    ):
        nurse.post(f"/cases/{case}/acknowledge", data={"version": 1})
        assert json.loads(events.next_of("case"))["state"] == "seen"


def test_a_hundred_findings_all_come(serve, ward, database_url):
    with serve(database_url).signed_in() as client, stream(client) as events:
        patient = ward.add_patient()
        with ward.connection.transaction():
            made = [str(ward.add_finding(patient, Severity.GREEN)) for _ in range(100)]
        came = [json.loads(events.next_of("finding"))["finding"] for _ in made]
        assert came == made


def test_a_silent_stream_says_that_it_lives(serve, ward, database_url, monkeypatch):
    monkeypatch.setattr("clinician_api.board.HEARTBEAT_S", 0.2)
    with serve(database_url).signed_in() as client, stream(client) as events:
        assert json.loads(events.next_of("live")) == {"listening": True}
        assert events.comments > 0


def test_the_stream_of_a_clinician_who_is_removed_ends(serve, ward, database_url, monkeypatch):
    monkeypatch.setattr("clinician_api.board.HEARTBEAT_S", 0.2)
    with serve(database_url).signed_in() as client, stream(client) as events:
        patient = ward.add_patient()
        ward.remove_clinician("nurse-1")
        # A stream that is never silent must be asked as well as a silent one.
        wait_until(
            lambda: ward.add_finding(patient, Severity.GREEN) and events.ended.is_set(),
            "the stream to end",
            5,
        )


def test_a_stream_outlives_a_database_that_cannot_be_asked(
    serve, ward, database_name, database_proxy, monkeypatch
):
    monkeypatch.setattr("clinician_api.board.HEARTBEAT_S", 0.2)
    url = f"postgresql://postgres@127.0.0.1:{database_proxy.port}/{database_name}"
    with serve(url).signed_in() as client, stream(client) as events:
        database_proxy.cut()
        for _ in range(3):
            while json.loads(events.next_of("live"))["listening"]:
                pass
        assert not events.ended.is_set()


def test_a_cut_line_is_said_and_healed_and_then_everybody_reloads(
    serve, ward, database_name, database_proxy
):
    url = f"postgresql://postgres@127.0.0.1:{database_proxy.port}/{database_name}"
    with serve(url).signed_in() as client, stream(client) as events:
        database_proxy.cut()
        assert json.loads(events.next_of("live")) == {"listening": False}
        page = client.get("/board", headers={"accept": "text/html"})
        assert page.status_code == 503
        assert page.headers["retry-after"]
        assert "Databasen kan ikke nås" in page.text
        assert client.get("/api/cases").json()["code"] == "database-away"
        assert client.get("/healthz").status_code == 503
        missed = ward.add_case(ward.add_patient("Ditte Påfundsen"), Severity.RED)
        database_proxy.mend()
        events.next_of("reload", timeout_s=15)
        assert str(missed) in client.get("/board/rows").text
        assert client.get("/healthz").json() == {"status": "ok"}


def test_a_line_that_goes_silent_is_found_out(
    serve, ward, database_name, database_proxy, monkeypatch
):
    monkeypatch.setattr("clinician_api.listener.CHECK_S", 0.3)
    url = f"postgresql://postgres@127.0.0.1:{database_proxy.port}/{database_name}"
    with serve(url).signed_in() as client, stream(client) as events:
        database_proxy.freeze()
        assert json.loads(events.next_of("live", timeout_s=5)) == {"listening": False}
        database_proxy.mend()
        events.next_of("reload", timeout_s=15)


def test_a_database_that_is_away_at_the_start_is_waited_for(
    serve, ward, database_name, database_proxy
):
    database_proxy.cut()
    url = f"postgresql://postgres@127.0.0.1:{database_proxy.port}/{database_name}"
    served = serve(url, listening=False)
    assert httpx.get(f"{served.url}/healthz").json() == {"status": "database-away"}
    page = httpx.get(f"{served.url}/sign-in", headers={"accept": "text/html"})
    assert page.status_code == 503
    assert "Databasen kan ikke nås" in page.text
    database_proxy.mend()
    wait_until(
        lambda: httpx.get(f"{served.url}/healthz").json() == {"status": "ok"}, "the recovery"
    )


def test_a_database_without_tables_says_what_to_do(serve, postgres, database_url):
    served = serve(postgres.url("postgres"))
    page = httpx.get(f"{served.url}/sign-in", headers={"accept": "text/html"})
    assert page.status_code == 503
    assert "telekol migrate" in page.text


def test_the_server_stops_with_boards_open(serve, ward, database_url):
    served = serve(database_url)
    with served.signed_in() as client, stream(client) as events:
        began = time.monotonic()
        serve.stop()
        assert time.monotonic() - began < 4
        assert events.ended.wait(5)


@pytest.mark.parametrize("level", [logging.DEBUG])
def test_no_name_reaches_the_log(serve, ward, database_name, database_proxy, caplog, level):
    caplog.set_level(level, logger="clinician_api")
    caplog.set_level(level, logger="uvicorn")
    caplog.set_level(level, logger="sqlalchemy")
    url = f"postgresql://postgres@127.0.0.1:{database_proxy.port}/{database_name}"
    with serve(url).signed_in() as client:
        patient = ward.fill()
        client.get("/board")
        client.get(f"/patients/{patient}")
        case = ward.add_case(ward.add_patient("Lis Logløs"), Severity.RED)
        client.post(f"/cases/{case}/acknowledge", data={"version": 1})
        database_proxy.cut()
        client.get(f"/patients/{patient}")
    assert f"/patients/{patient}" in caplog.text
    for name in ("Asta", "Prøvesen", "Lis", "Signe", "Opdigtet"):
        assert name not in caplog.text
