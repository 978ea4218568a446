"""A ward of invented people, with readings, findings and cases, put in as the services would.

Cases go through alerts' own store, so that what the board shows is what alerts makes.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from psycopg import Connection
from psycopg.rows import TupleRow

from alerts.casework import store as case_store
from alerts.casework.cases import JudgedReading
from ingest import writer
from telekol import topics
from telekol.observation import Device
from telekol.quantities import Quantity
from telekol.severity import Channel, Severity
from tests.support.messages import message, observation, sort

REASONS = {
    Severity.RED: ("Iltmætning 84 % er under rød grænse 85 %", "SpO2 84 % is below red limit 85 %"),
    Severity.YELLOW: (
        "Iltmætning 88 % er under gul grænse 90 %",
        "SpO2 88 % is below yellow limit 90 %",
    ),
    Severity.BLUE: (
        "Ingen måling siden mandag; aftalt mandag og torsdag",
        "No reading since Monday; agreed Monday and Thursday",
    ),
    Severity.GREEN: ("Iltmætning 94 % er inden for grænserne", "SpO2 94 % is within the limits"),
}


class Ward:
    """Puts rows into one database."""

    def __init__(self, connection: Connection[TupleRow]) -> None:
        self.connection = connection

    def add_people(self) -> None:
        """Two teams and a clinician of each."""
        for team in (
            ("akut-proeveby", "Akutteam Prøveby", "municipal"),
            ("lunge-eksempel", "Lungemedicin, Eksempel Hospital", "hospital"),
        ):
            self.connection.execute("insert into team values (%s, %s, %s)", team)
        for person in (
            ("nurse-1", "Signe Opdigtet", "akut-proeveby", "nurse"),
            ("physician-1", "Poul Påhitsen", "lunge-eksempel", "physician"),
            ("support-1", "Tekla Tænktop", "akut-proeveby", "logistics"),
            ("viewer-1", "Uffe Udenfor", "lunge-eksempel", "viewer"),
        ):
            self.connection.execute("insert into clinician values (%s, %s, %s, %s)", person)

    def add_patient(self, name: str = "Asta Prøvesen", team: str = "akut-proeveby") -> UUID:
        row = self.connection.execute(
            "insert into patient (name, team_id) values (%s, %s) returning id", [name, team]
        ).fetchone()
        assert row is not None
        return UUID(str(row[0]))

    def add_reading(
        self,
        patient_id: UUID,
        value: float,
        at: datetime | None = None,
        quantity: str = "spo2",
        entered: str = "automatic",
    ) -> UUID:
        at = at or datetime.now(UTC)
        row = self.connection.execute(
            "insert into device (address, manufacturer, model, serial) "
            "values ('C0:00:00:00:00:01', 'Simuleret', 'Oximeter', 'S1') "
            "on conflict (address, manufacturer, model, serial) "
            "do update set serial = excluded.serial returning id"
        ).fetchone()
        assert row is not None
        reading = uuid4()
        self.connection.execute(
            "insert into observation (measured_at, reading_id, patient_id, quantity, value, "
            "device_id, outbox_id, seq, time_confidence, received_at, entered) "
            "values (%s, %s, %s, %s, %s, %s, 1, 1, 'clock-checked', %s, %s)",
            [at, reading, patient_id, quantity, value, row[0], at, entered],
        )
        return reading

    def add_home(self, patient_id: UUID, kit: str = "kit-1", days: float = 400) -> str:
        """A kit with its gateway, at the patient's since some days ago; gives the gateway."""
        gateway = kit.replace("kit", "gw")
        self.connection.execute("insert into kit values (%s)", [kit])
        self.connection.execute("insert into gateway (id, kit_id) values (%s, %s)", [gateway, kit])
        self.connection.execute(
            "insert into kit_assignment (kit_id, patient_id, period) "
            "values (%s, %s, tstzrange(now() - %s * interval '1 day', null))",
            [kit, patient_id, days],
        )
        return gateway

    def send_weights(self, gateway: str, *weights: tuple[float, float]) -> list[UUID]:
        """Weights with their age in days, through ingest and its guard; gives their ids."""
        scale = Device(
            address="C0:00:00:00:00:02", manufacturer="Simuleret", model="Vægt", serial="V1"
        )
        now = datetime.now(UTC)
        made = [
            observation(
                kg, Quantity.BODY_WEIGHT, measured_at=now - timedelta(days=age), device=scale
            )
            for kg, age in weights
        ]
        for one in made:
            writer.store(
                self.connection, [sort(topics.observations(gateway), message(one, gateway=gateway))]
            )
        return [one.id for one in made]

    def owner(self, reading_id: UUID) -> UUID | None:
        row = self.connection.execute(
            "select patient_id from observation where reading_id = %s", [reading_id]
        ).fetchone()
        assert row is not None
        return UUID(str(row[0])) if row[0] else None

    def enrol(self, patient_id: UUID) -> None:
        """Into the programme, treated by the physician's hospital department."""
        self.connection.execute(
            "insert into organisation (id, kind, name) values "
            "('lunge', 'hospital-department', 'Lungemedicin') on conflict do nothing"
        )
        self.connection.execute(
            "update team set organisation_id = 'lunge' where id = 'lunge-eksempel'"
        )
        self.connection.execute(
            "insert into programme (id, name_da, name_en) values ('kol', 'KOL', 'COPD') "
            "on conflict do nothing"
        )
        self.connection.execute(
            "insert into enrolment (patient_id, programme_id, period, treated_by, team_id) "
            "select id, 'kol', tstzrange(now() - interval '400 days', null), 'lunge', team_id "
            "from patient where id = %s",
            [patient_id],
        )

    def remove_clinician(self, clinician: str) -> None:
        """As if the account had never been: what it belonged to goes first."""
        self.connection.execute("delete from membership where clinician_id = %s", [clinician])
        self.connection.execute("delete from clinician where id = %s", [clinician])

    def add_finding(
        self,
        patient_id: UUID,
        severity: Severity,
        at: datetime | None = None,
        quantity: str | None = "spo2",
        channel: Channel = Channel.CLINICAL,
        readings: list[UUID] | None = None,
        reason: tuple[str, str] | None = None,
        result: str = "judged",
        late: bool = False,
    ) -> UUID:
        finding, at = uuid4(), at or datetime.now(UTC)
        danish, english = reason or REASONS[severity]
        self.connection.execute(
            "insert into finding (id, patient_id, channel, rule, rule_version, result, severity, "
            "quantity, measured_at, late, reading_ids, limits, evidence, reason_da, reason_en) "
            "values (%s, %s, %s, 'absolute-limits', 1, %s, %s, %s, %s, %s, %s, %s, '{}', %s, %s)",
            [
                finding,
                patient_id,
                channel,
                result,
                severity,
                quantity,
                at,
                late,
                readings or [uuid4()],
                json.dumps({}),
                danish,
                english,
            ],
        )
        return finding

    def add_case(
        self,
        patient_id: UUID,
        severity: Severity,
        at: datetime | None = None,
        quantity: str = "spo2",
        channel: Channel = Channel.CLINICAL,
        reason: tuple[str, str] | None = None,
    ) -> UUID:
        """Store a finding and let alerts open or move the patient's case."""
        at = at or datetime.now(UTC)
        finding = self.add_finding(patient_id, severity, at, quantity, channel, reason=reason)
        judged = JudgedReading(finding, f"absolute-limits/{quantity}", severity, at)
        with self.connection.transaction():
            case_store.take_in(self.connection, patient_id, channel, judged)
        row = self.connection.execute(
            "select id from triage_case where patient_id = %s and channel = %s "
            "order by changed_at desc limit 1",
            [patient_id, channel],
        ).fetchone()
        assert row is not None
        return UUID(str(row[0]))

    def acknowledge(
        self, case_id: UUID, at: datetime | None = None, clinician: str = "nurse-1"
    ) -> None:
        with self.connection.transaction():
            case_store.acknowledge(
                self.connection, case_id, clinician_id=clinician, now=at or datetime.now(UTC)
            )

    def version(self, case_id: UUID) -> int:
        row = self.connection.execute(
            "select version from triage_case where id = %s", [case_id]
        ).fetchone()
        assert row is not None
        return int(row[0])

    def state(self, case_id: UUID) -> str:
        row = self.connection.execute(
            "select state from triage_case where id = %s", [case_id]
        ).fetchone()
        assert row is not None
        return str(row[0])

    def set_limits(self, patient_id: UUID, quantity: str, *limits: float | None) -> None:
        self.connection.execute(
            "insert into patient_limit (patient_id, quantity, red_low, yellow_low, yellow_high, "
            "red_high, valid_from, set_by) values (%s, %s, %s, %s, %s, %s, %s, 'physician-1')",
            [patient_id, quantity, *limits, datetime.now(UTC) - timedelta(days=200)],
        )

    def fill(self) -> UUID:
        """A morning's board: every colour and state; gives the patient with the most to see."""
        now = datetime.now(UTC)
        asta = self._history("Asta Prøvesen", now)
        for name, severity, hours, team in (
            ("Bodil Eksempelsen", Severity.RED, 0.2, "akut-proeveby"),
            ("Carl Opdigtet-Håndværker", Severity.YELLOW, 3, "akut-proeveby"),
            ("Ditte Påfundsen", Severity.YELLOW, 20, "lunge-eksempel"),
            ("Ejnar Testmand", Severity.YELLOW, 1.5, "akut-proeveby"),
            ("Frida Skabelonsen", Severity.YELLOW, 50, "akut-proeveby"),
        ):
            self.add_case(self.add_patient(name, team), severity, now - timedelta(hours=hours))
        for name, hours in (("Gerda Mønster", 30), ("Hans Attrap", 75)):
            patient = self.add_patient(name)
            at = now - timedelta(hours=hours)
            self.add_case(patient, Severity.BLUE, at, channel=Channel.MISSING)
        seen = self.add_case(
            self.add_patient("Inger Fiktiv"), Severity.RED, now - timedelta(hours=5)
        )
        self.acknowledge(seen, now - timedelta(hours=4))
        returned = self.add_patient("Jens Prøvebilled", "lunge-eksempel")
        self.add_case(returned, Severity.YELLOW, now - timedelta(hours=26))
        self.add_case(returned, Severity.GREEN, now - timedelta(hours=2))
        closed = self.add_patient("Karla Dummy")
        case = self.add_case(closed, Severity.YELLOW, now - timedelta(hours=26))
        self.add_case(closed, Severity.GREEN, now - timedelta(hours=2))
        self.acknowledge(case, now - timedelta(minutes=4))
        return asta

    def _history(self, name: str, now: datetime) -> UUID:
        """Ninety days of one patient: daily at first, then weekly, a gap, and a bad end."""
        patient = self.add_patient(name)
        self.set_limits(patient, "spo2", 85, 90, None, None)
        self.set_limits(patient, "pulse_rate", 45, 50, 110, 120)
        self.set_limits(patient, "body_weight", None, 66, 72.5, None)
        days = [*range(90, 76, -1), 72, 69, 65, 62, 58, 41, 37, 34, 30, 27, 23, 20, 16, 13, 9, 6, 2]
        for index, day in enumerate(days):
            at = now - timedelta(days=day, hours=index % 3)
            drift = max(0, 14 - day) / 5
            spo2 = 93 + (index * 7 % 5) - 2 - drift
            self._judged(patient, spo2, at, "spo2", 85, 90)
            self._judged(patient, 78 + index * 11 % 17 + drift * 6, at, "pulse_rate", 45, 50)
            if index % 2 == 0:
                weight = 69 + (index * 3 % 7) / 10 + drift / 2
                self.add_reading(patient, weight, at, "body_weight", entered="typed")
        last = now - timedelta(minutes=12)
        self.add_reading(patient, 84, last)
        self.add_reading(patient, 104, last, "pulse_rate")
        self.add_finding(patient, Severity.GREEN, last, "pulse_rate")
        self.add_finding(
            patient,
            Severity.YELLOW,
            now - timedelta(days=6, hours=1),
            late=True,
            reason=("Iltmætning 89 % er under gul grænse 90 %", "SpO2 89 % is below yellow 90 %"),
        )
        self.add_case(patient, Severity.RED, last)
        return patient

    def _judged(
        self, patient: UUID, value: float, at: datetime, quantity: str, red: float, yellow: float
    ) -> None:
        reading = self.add_reading(patient, round(value), at, quantity)
        low = Severity.YELLOW if round(value) < yellow else Severity.GREEN
        severity = Severity.RED if round(value) < red else low
        self.add_finding(patient, severity, at, quantity, readings=[reading])
