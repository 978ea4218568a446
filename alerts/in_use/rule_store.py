"""Rule sets in the database: published, in use, approved. Touches PostgreSQL; decides nothing.

Works inside the caller's transaction. A version never changes once it is stored: its fingerprint
is compared, and another content under the same version is refused.

What else changes with it: migration 0030, docs/operating.md.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg import Connection
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from alerts.rulesets import loading
from alerts.rulesets.loading import RuleSetError
from alerts.rulesets.model import RuleSet
from telekol import queries
from telekol.errors import TelekolError

log = logging.getLogger(__name__)

_SQL: Final = queries.load("alerts.in_use", "queries.sql")

SHIPPED_BY: Final = "shipped with this release, approved by no physician"
"""Who put the default in use."""


class ApprovalError(TelekolError):
    """It cannot be approved: it is not there, was approved before, or not by a physician."""


@dataclass(frozen=True, slots=True)
class SetInForce:
    """Which rules judge a reading, and whether a physician had approved them."""

    rule_set_id: int
    approved: bool


class RuleSets:
    """Rule sets by their number, each read from the database once: they never change."""

    def __init__(self) -> None:
        self._known: dict[int, RuleSet] = {}

    def by_id(self, connection: Connection[Any], ids: Iterable[int]) -> Mapping[int, RuleSet]:
        """Give the sets with these numbers.

        Raises
        ------
        RuleSetError
            If one cannot be understood by this release; names it.
        """
        wanted = set(ids)
        missing = wanted - self._known.keys()
        if missing:
            rows = connection.execute(_SQL["definitions"], {"ids": sorted(missing)}).fetchall()
            self._known |= {row[0]: _understood(*row[1:]) for row in rows}
        return {one: self._known[one] for one in wanted}

    def in_use(self, connection: Connection[Any]) -> Mapping[int, RuleSet]:
        """Give every set that anybody uses or has used: how far back rules look follows."""
        return self.by_id(connection, used(connection))


def used(connection: Connection[Any]) -> list[int]:
    """Give the numbers of every set that anybody uses or has used."""
    return [row[0] for row in connection.execute(_SQL["used_sets"])]


def publish(connection: Connection[Any], rule_set: RuleSet) -> tuple[int, bool]:
    """Store a version of a rule set; give its number and whether it is new.

    Raises
    ------
    RuleSetError
        If this version is stored with another content.
    """
    named = {"name": rule_set.name, "version": rule_set.version}
    content = rule_set.model_dump(mode="json")
    row = connection.execute(
        _SQL["publish"],
        named | {"fingerprint": rule_set.fingerprint, "definition": Jsonb(content)},
    ).fetchone()
    if row is not None:
        return int(row[0]), True
    stored = connection.execute(_SQL["published"], named).fetchone()
    if stored is None or stored[1] != rule_set.fingerprint:
        raise RuleSetError(
            f"rule set {rule_set.name} version {rule_set.version} is published with another "
            f"content (fingerprint {stored[1] if stored else 'of another name'}, this one has "
            f"{rule_set.fingerprint}); raise the version of the changed file"
        )
    return int(stored[0]), False


def publish_shipped(connection: Connection[Any]) -> None:
    """Publish what this release ships, and let the standard be used where nothing is yet.

    A set that cannot be published is told in the log: what is in use judges on.
    """
    for name in loading.shipped_names():
        try:
            number, _ = publish(connection, loading.load(name))
        except RuleSetError as error:
            log.warning("a shipped rule set was not published: %s", error)
            continue
        if name == loading.STANDARD:
            values = {"rule_set_id": number, "by": SHIPPED_BY}
            connection.execute(_SQL["use_by_default"], values)


def approve(connection: Connection[Any], name: str, by: str, version: int | None = None) -> int:
    """Let a physician approve a version of a rule set, the newest if none is named.

    Returns
    -------
    int
        The version that was approved.

    Raises
    ------
    ApprovalError
        If there is no such version, it was approved before, or `by` is no physician.
    """
    chosen = version or newest_version(connection, name)
    values = {"name": name, "version": chosen, "by": by}
    try:
        connection.execute(_SQL["approve"], values)
    except psycopg.Error as error:
        raise refused(error) from None
    return chosen


def newest_version(connection: Connection[Any], name: str) -> int:
    """Give the newest published version of a name.

    Raises
    ------
    RuleSetError
        If nothing of that name was published.
    """
    row = connection.execute(_SQL["newest_version"], {"name": name}).fetchone()
    if row is None or row[0] is None:
        raise RuleSetError(
            f"expected a published rule set, found no {name!r}; telekol rules publish stores one"
        )
    return int(row[0])


def use(
    connection: Connection[Any],
    name: str,
    *,
    by: str,
    version: int | None = None,
    programme: str | None = None,
    team: str | None = None,
    since: datetime | None = None,
) -> int:
    """Let a programme, a team, or all use a set from a moment on; give the version.

    Raises
    ------
    RuleSetError
        If it is not published, or the programme or team is not there.
    """
    chosen = version or newest_version(connection, name)
    values = {"name": name, "version": chosen, "programme": programme, "team": team}
    try:
        row = connection.execute(_SQL["use"], values | {"since": since, "by": by}).fetchone()
    except psycopg.errors.IntegrityError as error:
        raise RuleSetError(
            f"{name} version {chosen} cannot be put in use: {error.diag.message_primary}"
        ) from None
    if row is None:
        raise RuleSetError(f"expected rule set {name} version {chosen}, found none published")
    return chosen


def listed(connection: Connection[Any]) -> list[dict[str, Any]]:
    """List what was published, with who approved it."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(_SQL["every_set"]).fetchall()


def uses(connection: Connection[Any]) -> list[dict[str, Any]]:
    """List who uses what."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(_SQL["uses"]).fetchall()


def in_force(
    connection: Connection[Any], patients: Sequence[UUID], times: Sequence[datetime]
) -> dict[int, SetInForce]:
    """Say which set was in use for each patient and time, by place in the lists."""
    rows = connection.execute(_SQL["sets_in_force"], {"patients": patients, "times": times})
    return {row[0] - 1: SetInForce(row[1], row[2]) for row in rows}


def refused(error: psycopg.Error) -> ApprovalError:
    """Tell in one line what the database refused, and what to do."""
    hint = f"; {error.diag.message_hint}" if error.diag.message_hint else ""
    return ApprovalError(f"{error.diag.message_primary or error}{hint}")


def _understood(name: str, version: int, fingerprint: str, definition: Any) -> RuleSet:
    try:
        rule_set = RuleSet.model_validate(definition)
    except ValueError as error:
        raise RuleSetError(
            f"rule set {name} version {version} cannot be understood by this release: {error}"
        ) from None
    if rule_set.fingerprint != fingerprint:
        log.warning(
            "rule set %s version %d answers otherwise than when it was published: a family of "
            "rules has a newer version; publish and approve a new version of the set",
            *(name, version),
        )
    return rule_set
