"""Rule sets over HTTP: what is used, in words and numbers, and a physician's approval.

Owns these addresses. Publishing a set and putting it in use are operations' (telekol rules);
here it is read and approved.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from alerts.in_use import rule_store
from alerts.in_use.rule_store import ApprovalError
from alerts.rulesets.model import RuleSet
from clinician_api import pages, rule_queries
from clinician_api.desk_store import DecidedFirstError
from clinician_api.errors import UnknownRuleSetError
from clinician_api.language import Language
from clinician_api.rule_queries import SetRow
from clinician_api.rule_words import RuleLine, rule_lines
from clinician_api.visitor import AHouse, AnApprover, AVisitor, House, SomeWords
from clinician_api.words import Words

router: Final = APIRouter(include_in_schema=False)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SetView:
    """One rule set.

    Parameters
    ----------
    lines
        None if this release cannot understand it; it is then shown and cannot be approved.
    """

    number: int
    title: str
    name: str
    version: int
    fingerprint: str
    used_by: list[str]
    approved: str | None
    loaded: str
    lines: list[RuleLine] | None


@router.get("/rules")
def rules(
    request: Request, house: AHouse, visitor: AVisitor, say: SomeWords, saved: bool = False
) -> HTMLResponse:
    """Show the rule sets: those in use first."""
    sets = _read(house, say)
    in_use = [one for one in sets if one.used_by]
    others = [one for one in sets if not one.used_by]
    values: dict[str, Any] = {"in_use": in_use, "others": others, "saved": saved}
    return pages.render(request, "rules.html", visitor=visitor, **values)


@router.get("/rules/{number}/approve")
def approve_step(
    request: Request, number: int, house: AHouse, visitor: AnApprover, say: SomeWords
) -> HTMLResponse:
    """Show a set once more, and ask for the approval."""
    found = [one for one in _read(house, say) if one.number == number]
    if not found or found[0].approved or found[0].lines is None:
        raise UnknownRuleSetError
    return pages.render(request, "rules_approve.html", visitor=visitor, one=found[0])


@router.post("/rules/{number}/approve")
def approve(
    number: int,
    house: AHouse,
    visitor: AnApprover,
    fingerprint: Annotated[str, Form(max_length=64)],
    read: Annotated[bool, Form()],
) -> RedirectResponse:
    """Approve a set, as the physician read it.

    Parameters
    ----------
    fingerprint
        Of what was read; another content is not approved by it.
    read
        That the physician says to have read it.
    """
    with house.database.writing() as session:
        rows = [row for row in rule_queries.sets(session) if row.number == number]
        if not rows or rows[0].fingerprint != fingerprint or not read:
            raise UnknownRuleSetError
        row = rows[0]
        if row.approved_by_id != visitor.clinician_id:  # sent twice is once
            try:
                rule_store.approve(
                    rule_queries.driver(session), row.name, visitor.clinician_id, row.version
                )
            except ApprovalError as error:
                raise DecidedFirstError(str(error)) from None
    _log.info("rule-set=%d approved clinician=%s", number, visitor.clinician_id)
    return RedirectResponse("/rules?saved=true", status_code=303)


def _read(house: House, say: Words) -> list[SetView]:
    now = house.now()
    with house.database.reading() as session:
        rows = rule_queries.sets(session)
        uses = rule_queries.uses(session)
    return [_view(row, uses.get(row.number, []), say, now) for row in rows]


def _view(row: SetRow, used_by: list[str | None], say: Words, now: datetime) -> SetView:
    rule_set = _understood(row)
    title = row.name
    if rule_set:
        danish = say.language is Language.DANISH
        title = rule_set.title_da if danish else rule_set.title_en
    approved = None
    if row.approved_by and row.approved_at:
        approved = say("rules.approved", name=row.approved_by, when=say.when(row.approved_at, now))
    return SetView(
        number=row.number,
        title=title,
        name=row.name,
        version=row.version,
        fingerprint=row.fingerprint,
        used_by=[name or say("rules.everybody") for name in used_by],
        approved=approved,
        loaded=say.when(row.loaded_at, now),
        lines=rule_lines(rule_set, say) if rule_set else None,
    )


def _understood(row: SetRow) -> RuleSet | None:
    try:
        return RuleSet.model_validate(row.definition)
    except ValueError:
        _log.warning("rule-set=%d cannot be understood by this release", row.number)
        return None
