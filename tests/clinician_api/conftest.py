"""Fixtures of the clinicians' service: an invented ward, the application, a real server."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from psycopg import Connection
from psycopg.rows import TupleRow

from clinician_api.app import create_app
from clinician_api.commands import BoardServer, server
from clinician_api.settings import ApiSettings
from telekol.settings import load
from tests.clinician_api.ward import Ward
from tests.support.databases import as_service
from tests.support.processes import free_port, listens, wait_until

SECRET = "only-for-tests-0123456789abcdef0123456789"


def settings_for(url: str, **more: object) -> ApiSettings:
    given = {
        "database_url": as_service(url, "api"),
        "api_secret": SECRET,
        "api_demo_sign_in": True,
        **more,
    }
    return load(ApiSettings, **given)


@pytest.fixture
def ward(connection: Connection[TupleRow]) -> Ward:
    """A database with two teams and two clinicians."""
    ward = Ward(connection)
    ward.add_people()
    return ward


@pytest.fixture
def app(database_url: str) -> Iterator[FastAPI]:
    """The application, without its lifespan: nothing listens to the database."""
    app = create_app(settings_for(database_url))
    yield app
    app.state.house.database.close()


@pytest.fixture
async def anonymous(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A caller who has not signed in, in the same process and without a network.

    Not Starlette's TestClient: it wants another HTTP library by now, and warnings are errors.
    """
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://board.test") as client:
        yield client


@pytest.fixture
async def nurse(anonymous: httpx.AsyncClient, ward: Ward) -> httpx.AsyncClient:
    """The nurse's browser, signed in."""
    anonymous.headers["Accept"] = "text/html"
    answer = await anonymous.post("/sign-in", data={"clinician": "nurse-1"})
    assert answer.status_code == 303
    return anonymous


@dataclass(frozen=True)
class Served:
    """A server that runs in a thread of this process."""

    url: str
    server: BoardServer

    @contextmanager
    def signed_in(self, clinician: str = "nurse-1") -> Iterator[httpx.Client]:
        with httpx.Client(base_url=self.url, timeout=10) as client:
            answer = client.post("/sign-in", data={"clinician": clinician})
            assert answer.status_code == 303, answer.text
            yield client


@pytest.fixture
def serve() -> Iterator[Server]:
    """A function that serves a database on a free port; all servers stop with the test."""
    starter = Server()
    yield starter
    starter.stop()


class Server:
    """Starts real servers, and stops them."""

    def __init__(self) -> None:
        self._running: list[tuple[BoardServer, threading.Thread]] = []

    def __call__(self, database_url: str, *, listening: bool = True) -> Served:
        port = free_port()
        board = server(settings_for(database_url, api_port=port))
        thread = threading.Thread(target=board.run, daemon=True)
        thread.start()
        self._running.append((board, thread))
        wait_until(lambda: listens(port), "the server to accept")
        if listening:
            hub = board.config.app.state.house.hub  # type: ignore[union-attr]
            wait_until(lambda: hub.listening, "the server to listen to the database")
        return Served(f"http://127.0.0.1:{port}", board)

    def stop(self) -> None:
        for board, thread in self._running:
            board.should_exit = True
            thread.join(10)
            assert not thread.is_alive(), "the server did not stop"


@pytest.fixture
def artifacts(tmp_path: Path) -> Path:
    """Where a browser test leaves pictures."""
    return tmp_path
