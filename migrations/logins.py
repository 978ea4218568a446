"""Gives each service a login of its own. Touches PostgreSQL.

Owns which login is which role's. What a role may do is in the migrations; a login has nothing of
its own but a password, so that one can be changed, or another made, without touching rights.

Invariants
----------
1. The server never sees a password: it gets the SCRAM verifier, which is all it would keep.
2. Every login is made or none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import psycopg
from psycopg import Connection, sql

from telekol.errors import TelekolError

ROLES: Final[Mapping[str, str]] = {
    "ingest": "telekol_ingest",
    "alerts": "telekol_alerts",
    "api": "telekol_api",
    "operator": "telekol_operator",
}
"""Who signs in, and the role of the migrations that it works in."""

WORKS_AS: Final[Mapping[str, str]] = {"telekol_operator": "telekol_ingest"}
"""Roles that have another's rights too. The migrations grant it, but it belongs to the server: no
backup holds it, so that it is granted again here."""

LEAST_SIGNS: Final = 16
"""Of a password that no person types; `.env.example` says how to make one of 48."""

_KIND: Final = b"scram-sha-256"


def name_of(who: str) -> str:
    """Give the login of a service.

    Examples
    --------
    >>> name_of("ingest")
    'telekol_ingest_login'
    """
    return f"{ROLES[who]}_login"


def make(connection: Connection[Any], passwords: Mapping[str, str]) -> None:
    """Make logins, or give those that are there these passwords, in one transaction.

    Parameters
    ----------
    passwords
        By the names in `ROLES`; who is left out is left as it is.

    Raises
    ------
    TelekolError
        If a password is too short, the database is not migrated, or roles may not be made here.
    """
    for who, password in passwords.items():
        if len(password) < LEAST_SIGNS:
            raise TelekolError(
                f"expected a password of {LEAST_SIGNS} signs or more for {who}, found "
                f"{len(password)}. Make one with: "
                'python3 -c "import secrets; print(secrets.token_hex(24))"'
            )
    try:
        with connection.transaction():
            for who, password in passwords.items():
                _make(connection, who, password)
    except psycopg.errors.InsufficientPrivilege as error:
        raise TelekolError(
            f"expected somebody who may make logins, found {connection.info.user}: "
            f"{str(error).strip()}. Run this as a superuser, or as whoever made the roles and has "
            "CREATEROLE"
        ) from None


def _make(connection: Connection[Any], who: str, password: str) -> None:
    role, login = sql.Identifier(ROLES[who]), name_of(who)
    if not _is_there(connection, ROLES[who]):
        raise TelekolError(f"expected the role {ROLES[who]}, found none; run `telekol migrate`")
    verb = "alter" if _is_there(connection, login) else "create"
    verifier = connection.pgconn.encrypt_password(password.encode(), login.encode(), _KIND)
    connection.execute(
        sql.SQL("{} role {} login inherit password {}").format(
            sql.SQL(verb), sql.Identifier(login), sql.Literal(verifier.decode())
        )
    )
    connection.execute(sql.SQL("grant {} to {}").format(role, sql.Identifier(login)))
    other = WORKS_AS.get(ROLES[who])
    if other is not None and not _is_member(connection, ROLES[who], other):
        connection.execute(sql.SQL("grant {} to {}").format(sql.Identifier(other), role))


def _is_member(connection: Connection[Any], role: str, other: str) -> bool:
    row = connection.execute("select pg_has_role(%s, %s, 'member')", [role, other]).fetchone()
    return bool(row and row[0])


def _is_there(connection: Connection[Any], role: str) -> bool:
    found = connection.execute("select 1 from pg_roles where rolname = %s", [role])
    return found.fetchone() is not None
