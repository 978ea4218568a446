"""docker-compose.yml, read as closely as can be without a Docker engine."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from device_sim.demo import broker
from ingest.settings import IngestSettings
from migrations import logins
from migrations.settings import LoginSettings
from scripts.settings_page import SERVICES
from telekol import topics
from telekol.settings import TelekolSettings, variable_name
from telekol.wire import MESSAGE_LIMIT_BYTES

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
CONTAINERS: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name for name, one in CONTAINERS.items() if one["image"].startswith("telekol:")}
TELEKOL = sorted(name for name in OURS if name in SERVICES)


def _conditions(name: str) -> dict[str, str]:
    return {
        other: how["condition"] for other, how in CONTAINERS[name].get("depends_on", {}).items()
    }


def _waited_for(name: str) -> set[str]:
    waits = set(_conditions(name))
    return waits.union(*(_waited_for(other) for other in waits))


def _runs_to_completion(name: str) -> bool:
    awaited = {_conditions(other).get(name) for other in CONTAINERS} - {None}
    return awaited == {"service_completed_successfully"} and CONTAINERS[name]["restart"] == "no"


def _variables(kind: type[TelekolSettings], *, required: bool = False) -> set[str]:
    fields = kind.model_fields.items()
    return {variable_name(name) for name, info in fields if info.is_required() or not required}


def _options(text: str) -> dict[str, str]:
    lines = (line.split(maxsplit=1) for line in text.splitlines() if line and line[0] != "#")
    return {key: value for key, value in lines if key != "log_type"}


def test_each_service_of_the_server_is_its_own_container() -> None:
    assert {"database", "broker", "migrate", "ingest", "alerts", "api"} <= CONTAINERS.keys()
    assert all(CONTAINERS[name]["command"][0] == name for name in TELEKOL)


def test_the_simulator_is_a_profile() -> None:
    behind = {name for name, one in CONTAINERS.items() if one.get("profiles") == ["sim"]}
    assert behind == {"seed", "sim", "gateway"}


def test_the_database_for_tests_is_a_profile_and_the_same_as_the_servers() -> None:
    (name,) = (name for name, one in CONTAINERS.items() if one.get("profiles") == ["test"])
    assert CONTAINERS[name]["image"] == CONTAINERS["database"]["image"]
    assert "volumes" not in CONTAINERS[name]
    assert not any(name in _conditions(other) for other in CONTAINERS)


@pytest.mark.parametrize("service", ["ingest", "alerts", "api"])
def test_each_service_signs_in_as_itself(service: str) -> None:
    address = CONTAINERS[service]["environment"]["TELEKOL_DATABASE_URL"]
    password = f"TELEKOL_{service.upper()}_PASSWORD"
    assert address == (
        f"postgresql://{logins.name_of(service)}:${{{password}}}@database:5432/telekol"
    )
    assert password in CONTAINERS["logins"]["environment"]
    assert _conditions(service)["logins"] == "service_completed_successfully"


def test_the_owner_of_the_database_is_no_service() -> None:
    owners = {
        name
        for name, one in CONTAINERS.items()
        if "//telekol:" in one.get("environment", {}).get("TELEKOL_DATABASE_URL", "")
    }
    assert owners == {"migrate", "logins", "seed"}


@pytest.mark.parametrize("name", CONTAINERS)
def test_each_container_has_a_health_check_or_ends(name: str) -> None:
    check = CONTAINERS[name].get("healthcheck")
    if check is None:
        assert _runs_to_completion(name)
    else:
        assert check["test"][0] == "CMD"
        assert {"interval", "timeout", "retries", "start_period"} <= check.keys()


@pytest.mark.parametrize("name", CONTAINERS)
def test_each_image_is_pinned(name: str) -> None:
    assert re.fullmatch(r"[a-z/-]+:\d+\.\d+\.\d+(-pg\d+)?", CONTAINERS[name]["image"])


def test_timescaledb_is_not_one_that_drops_rows() -> None:
    version = re.search(r":(\d+)\.(\d+)\.(\d+)-", CONTAINERS["database"]["image"])
    assert version is not None
    assert tuple(map(int, version.groups())) >= (2, 19, 1)  # timescaledb issue 7672


@pytest.mark.parametrize("name", sorted(OURS))
def test_each_variable_is_a_setting_of_its_service(name: str) -> None:
    kind = LoginSettings if name == "logins" else SERVICES.get(name)
    known = _variables(kind) if kind else {"TELEKOL_DATABASE_URL"}
    given = set(CONTAINERS[name].get("environment", {}))
    assert given <= known
    assert not kind or _variables(kind, required=True) <= given


def test_the_settings_of_each_service_are_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in TELEKOL:
        with monkeypatch.context() as patch:
            for variable, value in CONTAINERS[name]["environment"].items():
                patch.setenv(variable, re.sub(r"\$\{[^}]*\}", "0" * 32, value))
            patch.setenv("TELEKOL_API_DEMO_SIGN_IN", "false")
            SERVICES[name]()


@pytest.mark.parametrize("name", CONTAINERS)
def test_what_is_waited_for_is_there(name: str) -> None:
    for other, condition in _conditions(name).items():
        if condition == "service_healthy":
            assert "healthcheck" in CONTAINERS[other]
        else:
            assert _runs_to_completion(other)


def test_nothing_with_the_schema_starts_before_it_is_migrated() -> None:
    for name in OURS - {"migrate"}:
        assert "migrate" in _waited_for(name)


def test_secrets_come_from_the_environment_and_are_described() -> None:
    given = dict(re.findall(r"\$\{(\w+):([?-])", TEXT))
    assert set(re.findall(r"\$\{(\w+)", TEXT)) == given.keys()
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    assert given.keys() == set(re.findall(r"^(\w+)=", example, re.MULTILINE))
    secrets = {name for name, how in given.items() if how == "?"}
    assert secrets == {
        "POSTGRES_PASSWORD",
        "TELEKOL_API_SECRET",
        *(f"TELEKOL_{who.upper()}_PASSWORD" for who in logins.ROLES),
    }
    assert not re.search(rf"^({'|'.join(secrets)})=.", example, re.MULTILINE)


def test_only_the_board_is_published_and_only_here() -> None:
    published = {name: one["ports"] for name, one in CONTAINERS.items() if "ports" in one}
    assert published.pop("timescale") == ["127.0.0.1:54329:5432"]
    assert published == {"api": ["127.0.0.1:8000:8000"]}


def test_every_volume_is_declared_and_used() -> None:
    mounts = [mount for one in CONTAINERS.values() for mount in one.get("volumes", ())]
    named = {mount.partition(":")[0] for mount in mounts if not mount.startswith(".")}
    assert named == set(COMPOSE["volumes"])
    files = {mount.partition(":")[0] for mount in mounts if mount.startswith(".")}
    assert all((ROOT / file).exists() for file in files)


def test_the_gateway_finds_the_simulated_home() -> None:
    sim, gateway = CONTAINERS["sim"], CONTAINERS["gateway"]
    radio = gateway["environment"]["TELEKOL_GATEWAY_RADIO"]
    base_port = sim["command"][sim["command"].index("--base-port") + 1]
    assert gateway["network_mode"] == "service:sim"
    assert radio == f"tcp-client:127.0.0.1:{base_port}"
    assert gateway["environment"]["TELEKOL_GATEWAY_ID"] == "gateway-0001"


def test_the_broker_is_set_up_as_in_the_demo(tmp_path: Path) -> None:
    """The measured settings hold in both; only where it listens and lies may differ."""
    ours = _options((ROOT / "docker" / "mosquitto.conf").read_text(encoding="utf-8"))
    if broker.find_mosquitto() is None:
        pytest.fail("mosquitto is not installed; run scripts/system-packages")
    broker.prepare(tmp_path, 1883)
    demo = _options((tmp_path / "mosquitto.conf").read_text(encoding="utf-8"))
    local = {"listener", "user", "persistence_location", "log_dest", "include_dir"}
    local.add("per_listener_settings")
    assert {k: v for k, v in ours.items() if k not in local} == {
        k: v for k, v in demo.items() if k not in local
    }
    assert int(ours["message_size_limit"]) > MESSAGE_LIMIT_BYTES
    window = IngestSettings.model_fields["ingest_window"].default
    assert int(ours["max_inflight_messages"]) >= window


def test_the_dockerfile_copies_every_room_and_installs_by_hash() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    for room in (*(path.parent.name for path in ROOT.glob("*/py.typed")), "migrations"):
        assert f"COPY {room} {room}\n" in dockerfile
        assert f"!{room}" in ignored
    installs = re.findall(r"pip (?:install|wheel) (.*)", dockerfile)
    assert installs
    assert all("--require-hashes" in line or "--no-deps" in line for line in installs)
    assert dockerfile.index("USER telekol") < dockerfile.index("ENTRYPOINT")


def test_homes_come_in_by_certificate_alone() -> None:
    """tests/gateway/test_mutual_tls.py runs these very files; this holds what must not change."""
    homes = yaml.safe_load((ROOT / "docker-compose.homes.yml").read_text(encoding="utf-8"))
    broker_of_homes = homes["services"]["broker"]
    assert homes["services"].keys() == {"broker"}
    assert broker_of_homes["ports"] == ["8883:8883"]
    targets = {mount.split(":")[1] for mount in broker_of_homes["volumes"]}
    assert targets == {"/mosquitto/config/listeners", "/mosquitto/certificates"}
    folder = ROOT / "docker" / "listeners" / "homes"
    options = _options((folder / "homes.conf").read_text(encoding="utf-8"))
    assert options["listener"] == "8883"
    assert options["allow_anonymous"] == "false"
    for switch in ("require_certificate", "use_identity_as_username", "use_username_as_clientid"):
        assert options[switch] == "true"
    assert not list((ROOT / "docker" / "listeners" / "closed").glob("*.conf"))


def test_a_gateway_reaches_its_own_topics_and_no_others() -> None:
    rules = (ROOT / "docker" / "listeners" / "homes" / "homes.acl").read_text(encoding="utf-8")
    patterns = re.findall(r"^pattern (\w+) (\S+)$", rules, re.MULTILINE)
    up = (topics.observations, topics.health, topics.acknowledgements)
    down = (topics.receipts, topics.instructions)
    assert sorted(patterns) == sorted(
        [("write", one("%u")) for one in up] + [("read", one("%u")) for one in down]
    )
    # Everything else is under a user whose name cannot be a gateway's.
    (user,) = re.findall(r"^user (\S+)$", rules, re.MULTILINE)
    assert not re.fullmatch(topics.GATEWAY_ID_PATTERN, user)
    assert rules.index("\ntopic") > rules.index("\nuser")
