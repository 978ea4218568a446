"""Writes docs/settings.md from the settings classes: ``python -m scripts.settings_page``.

Owns the page's layout. Every word about a setting stands beside its field, in the room's
``settings.py``, and nowhere else; a test holds the page to that.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from alerts.settings import AlertsSettings, DatabaseCommandSettings
from clinician_api.settings import ApiSettings
from gateway.settings import GatewaySettings
from ingest.settings import IngestSettings, OperatorSettings
from migrations.settings import BackupSettings, KeySettings, LoginSettings, MigrateSettings
from telekol.settings import TelekolSettings, variable_name

PAGE: Final = Path(__file__).resolve().parents[1] / "docs" / "settings.md"

SERVICES: Final[dict[str, type[TelekolSettings]]] = {
    "migrate": MigrateSettings,
    "database": LoginSettings,
    "keys": KeySettings,
    "backup": BackupSettings,
    "restore": BackupSettings,
    "gateway": GatewaySettings,
    "ingest": IngestSettings,
    "quarantine": OperatorSettings,
    "gaps": OperatorSettings,
    "attribution": OperatorSettings,
    "validity": OperatorSettings,
    "alerts": AlertsSettings,
    "replay": DatabaseCommandSettings,
    "reference": DatabaseCommandSettings,
    "questionnaires": DatabaseCommandSettings,
    "api": ApiSettings,
}
"""Every service that reads settings, in the order of a reading's way."""

_HEAD: Final = """\
# Settings

Made by `make docs` from the settings classes; do not edit.

A service is configured by environment variables. A wrong or missing one stops the service with
a message that names it, what was expected and what was found; a secret's value is never shown.
The gateway and the api also take some of them as options, see `telekol gateway --help`.
`telekol sim` and `telekol demo` read no variables, only options.

"""


def page() -> str:
    """Write the page."""
    sections = [_section(name, kind) for name, kind in SERVICES.items()]
    return _HEAD + _overview() + "\n".join(sections)


def _overview() -> str:
    used: dict[str, list[str]] = {}
    for service, kind in SERVICES.items():
        for field in kind.model_fields:
            used.setdefault(variable_name(field), []).append(service)
    lines = [f"| `{name}` | {', '.join(services)} |" for name, services in sorted(used.items())]
    return "\n".join(["| variable | read by |", "|---|---|", *lines, "", ""])


def _section(service: str, kind: type[TelekolSettings]) -> str:
    rows = [_row(name, info) for name, info in kind.model_fields.items()]
    # Required ones first: without them the service does not start.
    rows.sort(key=lambda row: "**required**" not in row)
    head = ["| variable | default | what it is |", "|---|---|---|"]
    return "\n".join([f"## telekol {service}", "", *head, *rows, ""])


def _row(name: str, info: FieldInfo) -> str:
    description = (info.description or "").replace("|", "\\|")
    return f"| `{variable_name(name)}` | {_default(info)} | {description} |"


def _default(info: FieldInfo) -> str:
    if info.default is PydanticUndefined:
        return "**required**, secret" if info.annotation is SecretStr else "**required**"
    if info.default is None:
        return "none"
    value = str(info.default).lower() if isinstance(info.default, bool) else info.default
    return f"`{value}`"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
