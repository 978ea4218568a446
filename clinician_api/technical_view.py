"""What the page of homes in trouble shows. Pure: rows, words and `now` in, values out.

Owns how a home's health reads to a support person. The words of each trouble are in
`telekol.troubles`; what is wrong was decided there where it was seen.

Invariants
----------
1. No measured value and no finding stands here. A patient's name does only when it is asked for.
2. A home that was never heard is said to be so; it is never among those that are well.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from clinician_api.language import Language
from clinician_api.technical_queries import GapRow, HomeRow, Homes, QuarantineRow, TroubleRow
from clinician_api.words import Words
from telekol import troubles
from telekol.health import RadioState

LOW_BATTERY_PCT: Final = 20
"""Below it a device's battery is shown as low, beside what the gateway itself complains of."""

_STOPPING: Final = frozenset(
    {
        "radio-unavailable",
        "radio-blind",
        "outbox-full",
        "outbox-damaged",
        "disk-full",
        "broker-refused",
        "gateway-offline",
        "sequence-gap",
        "readings-quarantined",
        "never-heard",
    }
)
"""Troubles in which readings do not arrive, as against those that will become one."""

_QUARANTINE_CODES: Final = frozenset(
    {
        "unknown-kit",
        "implausible-value",
        "bad-observation",
        "id-clash",
        "not-storable",
        "unforeseen-error",
        "topic-mismatch",
        "bad-envelope",
        "bad-topic",
        "not-json",
        "too-large",
        "wrong-version",
        "bad-health",
        "bad-acknowledgement",
    }
)


@dataclass(frozen=True, slots=True)
class TroubleView:
    """One trouble in words, with what to do."""

    code: str
    what: str
    step: str
    since: str
    device: str
    detail: str
    stopping: bool


@dataclass(frozen=True, slots=True)
class DeviceView:
    """One device of a home."""

    name: str
    battery: str
    low: bool
    heard: str


@dataclass(frozen=True, slots=True)
class HomeView:
    """One home: what is wrong, and how its gateway is."""

    gateway: str
    kit: str
    patient_id: UUID | None
    patient: str | None
    team: str | None
    online: bool
    status: str
    troubles: Sequence[TroubleView]
    facts: Sequence[tuple[str, str]]
    devices: Sequence[DeviceView]
    gaps: Sequence[str]
    quarantine: Sequence[str]
    ownerless: str | None

    @property
    def stopping(self) -> bool:
        """Whether readings do not arrive."""
        return any(one.stopping for one in self.troubles)


@dataclass(frozen=True, slots=True)
class TechnicalView:
    """The whole page."""

    in_trouble: Sequence[HomeView]
    well: Sequence[HomeView]
    unknown_senders: Sequence[str]
    updated: str


def technical_view(found: Homes, say: Words, now: datetime, *, names: bool) -> TechnicalView:
    """Make the page; `names` says whether the reader may see whose home it is."""
    maker = _Maker(found, say, now, names=names)
    homes = [maker.home(row) for row in found.homes]
    in_trouble = [home for home in homes if home.troubles]
    return TechnicalView(
        in_trouble=sorted(in_trouble, key=lambda home: not home.stopping),
        well=[home for home in homes if not home.troubles],
        unknown_senders=[maker.quarantine(row) for row in found.quarantine if not row.gateway_id],
        updated=say.clock(now),
    )


class _Maker:
    """Makes the views of one page."""

    def __init__(self, found: Homes, say: Words, now: datetime, *, names: bool) -> None:
        self._say = say
        self._now = now
        self._names = names
        self._troubles: dict[str, list[TroubleRow]] = defaultdict(list)
        self._gaps: dict[str, list[GapRow]] = defaultdict(list)
        self._quarantine: dict[str, list[QuarantineRow]] = defaultdict(list)
        self._ownerless = {row.gateway_id: row for row in found.ownerless}
        for trouble in found.troubles:
            self._troubles[trouble.gateway_id].append(trouble)
        for gap in found.gaps:
            self._gaps[gap.gateway_id].append(gap)
        for entry in found.quarantine:
            if entry.gateway_id:
                self._quarantine[entry.gateway_id].append(entry)

    def home(self, row: HomeRow) -> HomeView:
        say, message = self._say, row.message or {}
        devices = message.get("devices") or ()
        named = {device.get("address"): device for device in devices}
        wrong = [self._trouble(one, named) for one in self._troubles[row.gateway_id]]
        if row.heard_at is None:
            wrong.append(self._never_heard())
        ownerless = self._ownerless.get(row.gateway_id)
        return HomeView(
            gateway=row.gateway_id,
            kit=row.kit_id or say("technical.no_kit"),
            patient_id=row.patient_id if self._names else None,
            patient=row.patient if self._names else None,
            team=row.team,
            online=bool(row.online),
            status=self._status(row),
            troubles=sorted(wrong, key=lambda one: not one.stopping),
            facts=self._facts(message, row),
            devices=[self._device(device) for device in devices],
            gaps=[self._gap(gap) for gap in self._gaps[row.gateway_id]],
            quarantine=[self.quarantine(one) for one in self._quarantine[row.gateway_id]],
            ownerless=say(
                "technical.ownerless",
                count=ownerless.readings,
                first=say.day(ownerless.oldest),
                last=say.day(ownerless.newest),
            )
            if ownerless
            else None,
        )

    def quarantine(self, row: QuarantineRow) -> str:
        """Write one cause: how many, why, since when."""
        known = row.code in _QUARANTINE_CODES
        key = f"quarantine.{row.code.replace('-', '_')}" if known else "quarantine.other"
        return self._say(
            "technical.quarantined",
            count=row.entries,
            why=self._say(key, code=row.code),
            since=self._say.when(row.oldest, self._now),
        )

    def _trouble(self, row: TroubleRow, named: dict[str, Any]) -> TroubleView:
        words, danish = troubles.words(row.code), self._say.language is Language.DANISH
        device = named.get(row.device or "", {}).get("model") or row.device or ""
        return TroubleView(
            code=row.code,
            what=words.danish if danish else words.english,
            step=words.danish_step if danish else words.english_step,
            since=self._say.when(row.since, self._now),
            device=device,
            detail=row.detail,
            stopping=row.code in _STOPPING,
        )

    def _never_heard(self) -> TroubleView:
        say = self._say
        return TroubleView(
            code="never-heard",
            what=say("technical.never_heard"),
            step=say("technical.never_heard_step"),
            since="",
            device="",
            detail="",
            stopping=True,
        )

    def _status(self, row: HomeRow) -> str:
        if row.heard_at is None or row.online_changed_at is None:
            return self._say("technical.silent")
        key = "technical.online" if row.online else "technical.offline"
        return self._say(key, since=self._say.when(row.online_changed_at, self._now))

    def _facts(self, message: dict[str, Any], row: HomeRow) -> list[tuple[str, str]]:
        say = self._say
        outbox, clock = message.get("outbox") or {}, message.get("clock") or {}
        radio = message.get("radio") or {}
        heard = say.ago(row.heard_at, self._now) if row.heard_at else say("technical.unknown")
        facts = [(say("technical.heard"), heard)]
        if outbox:
            facts.append((say("technical.outbox"), self._outbox(outbox)))
        if clock:
            trusted = "technical.clock_right" if clock.get("trusted") else "technical.clock_wrong"
            facts.append((say("technical.clock"), say(trusted)))
        if radio.get("state") in {str(state) for state in RadioState}:
            facts.append((say("technical.radio"), say(f"technical.radio_{radio['state']}")))
        if message.get("version"):
            facts.append((say("technical.version"), str(message["version"])))
        return facts

    def _outbox(self, outbox: dict[str, Any]) -> str:
        depth, age_s = int(outbox.get("depth") or 0), outbox.get("oldest_age_s")
        if not depth:
            return self._say("technical.outbox_empty")
        age = self._age(timedelta(seconds=int(age_s))) if age_s is not None else "?"
        return self._say("technical.outbox_waiting", count=depth, age=age)

    def _age(self, age: timedelta) -> str:
        minutes = int(age.total_seconds() // 60)
        if minutes < 60:
            return self._say("technical.minutes", n=minutes)
        if minutes < 48 * 60:
            return self._say("technical.hours", n=minutes // 60)
        return self._say("technical.days", n=minutes // (24 * 60))

    def _device(self, device: dict[str, Any]) -> DeviceView:
        say, battery, heard = self._say, device.get("battery_pct"), device.get("last_heard_at")
        at = datetime.fromisoformat(heard) if heard else None
        return DeviceView(
            name=device.get("model") or device.get("address") or "?",
            battery=f"{battery} %" if battery is not None else say("technical.unknown"),
            low=battery is not None and battery < LOW_BATTERY_PCT,
            heard=say.ago(at, self._now) if at else say("technical.never"),
        )

    def _gap(self, gap: GapRow) -> str:
        key = "technical.gap_waiting" if gap.waiting else "technical.gap"
        one = gap.first == gap.last
        said = self._say(
            f"{key}_one" if one else key,
            count=gap.count,
            numbers=gap.first if one else f"{gap.first}-{gap.last}",
            since=self._say.when(gap.since, self._now),
        )
        if gap.reason is None:
            return said
        return f"{said} {self._say('technical.gap_reason', reason=gap.reason)}"
