"""``telekol rules``: the shipped rule sets, and whether a file of one can be used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from alerts.families import REGISTRY
from alerts.in_use import rule_commands as published_commands
from alerts.rulesets import loading
from alerts.rulesets.model import RuleSet

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help=(
        "Look at rule sets: which rules judge readings, with which numbers.\n\n"
        "What is shipped is a template. A physician approves it in the system; until then every "
        "finding says that nobody has."
    ),
)

for _command in (
    published_commands.publish,
    published_commands.published,
    published_commands.use,
    published_commands.approve,
):
    app.command()(_command)

Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program.")]


@app.command("list")
def list_rule_sets(*, as_json: Json = False) -> None:
    """List the shipped rule sets."""
    rule_sets = [loading.load(name) for name in loading.shipped_names()]
    if as_json:
        typer.echo(json.dumps([_summary(rule_set) for rule_set in rule_sets], indent=2))
        return
    for rule_set in rule_sets:
        typer.echo(
            f"{rule_set.name}  version {rule_set.version}, {len(rule_set.rules)} rules, "
            f"unapproved template: {rule_set.title_en}"
        )


@app.command()
def show(
    name: Annotated[
        str, typer.Argument(metavar="NAME|FILE", help="A shipped rule set or a file of yours.")
    ],
    *,
    as_json: Json = False,
) -> None:
    """Print a rule set as it was written, with its comments; --json prints what it means.

    A set that cannot be used is an error that names line and field, with exit status 2.
    """
    rule_set = loading.load(name)
    if as_json:
        typer.echo(json.dumps(_model(rule_set), indent=2, ensure_ascii=False))
        return
    typer.echo(_text(name), nl=False)


@app.command()
def families(*, as_json: Json = False) -> None:
    """List the families of rules that a rule set may use, and what each looks at."""
    known = [
        {"family": family.name, "version": family.version, "takes": family.takes}
        | {"evaluate": family.judge is not None, "does": family.english}
        for family in REGISTRY.values()
    ]
    if as_json:
        typer.echo(json.dumps(known, indent=2, ensure_ascii=False))
        return
    for family in known:
        where = "" if family["evaluate"] else f" (not in evaluate: takes {family['takes']})"
        typer.echo(f"{family['family']}  {family['does']}{where}")


def _text(name: str) -> str:
    if name in loading.shipped_names():
        return loading.shipped_text(name)
    return Path(name).read_text(encoding="utf-8-sig")


def _summary(rule_set: RuleSet) -> dict[str, Any]:
    return {
        "name": rule_set.name,
        "version": rule_set.version,
        "fingerprint": rule_set.fingerprint,
        "approved": False,
        "title_da": rule_set.title_da,
        "title_en": rule_set.title_en,
        "rules": [rule.id for rule in rule_set.rules],
    }


def _model(rule_set: RuleSet) -> dict[str, Any]:
    content = rule_set.model_dump(mode="json")
    for rule, told in zip(rule_set.rules, content["rules"], strict=True):
        told["evaluated_from_readings"] = rule.is_of_readings
    return {**_summary(rule_set), **content}
