"""Every text that people see, in Danish and English, in one table.

Owns the words and nothing else; numbers and times are written by `words`. A text may hold
``{name}`` fields, the same ones in both languages (a test holds that). Data, so exempt from
the length of modules.
"""

from __future__ import annotations

from typing import Final

from clinician_api.language import Language, Text
from clinician_api.texts_desk import DESK
from clinician_api.texts_physician import PHYSICIAN
from clinician_api.texts_technical import TECHNICAL

__all__ = ["MONTHS", "TEXTS", "WEEKDAYS", "Language", "Text"]

_GENERAL: Final[dict[str, Text]] = {
    "app.name": Text("Tele-KOL", "Tele-KOL"),
    "app.skip": Text("Gå til indholdet", "Skip to content"),
    "app.sign_out": Text("Log af", "Sign out"),
    "app.other_language": Text("English", "Dansk"),
    "app.demo": Text("Demo · fiktive borgere", "Demo · invented patients"),
    "app.no_script": Text(
        "JavaScript er slået fra: siden opdateres ikke automatisk. Genindlæs den for nye sager.",
        "JavaScript is off: this page does not update by itself. Reload it to see new cases.",
    ),
    "app.foot": Text(
        "Planlagt hjemmemonitorering på hverdage. Ikke et akuttilbud: ved akut forværring "
        "ring til egen læge, lægevagt eller 112. Ikke CE-mærket. Vises med demodata.",
        "Planned home monitoring on weekdays. Not an emergency service: for acute worsening, "
        "call the GP, the out-of-hours service or 112. Not CE-marked. Shown with demo data.",
    ),
    # The board
    "board.title": Text("Triagetavle", "Triage board"),
    "board.caption": Text("Åbne sager, de alvorligste først", "Open cases, worst first"),
    "board.severity": Text("Farve", "Colour"),
    "board.patient": Text("Borger", "Patient"),
    "board.reason": Text("Årsag", "Reason"),
    "board.state": Text("Status", "State"),
    "board.team": Text("Team", "Team"),
    "board.since": Text("Siden", "Since"),
    "board.action": Text("Handling", "Action"),
    "board.open": Text("{count} åbne sager", "{count} open cases"),
    "board.open_one": Text("1 åben sag", "1 open case"),
    "board.unseen": Text("ikke set", "not seen"),
    "board.updated": Text("Opdateret {time}", "Updated {time}"),
    "board.empty": Text("Ingen åbne sager", "No open cases"),
    "board.empty_more": Text(
        "Alle modtagne målinger er vurderet. Senest opdateret {time}.",
        "Every reading received has been judged. Last updated {time}.",
    ),
    "board.empty_waiting": Text(
        "Men der er målinger, som endnu ikke er vurderet. Senest opdateret {time}.",
        "But some readings have not been judged yet. Last updated {time}.",
    ),
    "board.waiting": Text(
        "Målinger har ventet på vurdering siden {time}. Tavlen kan mangle sager.",
        "Readings have been waiting to be judged since {time}. The board may lack cases.",
    ),
    "board.more": Text(
        "Kun de {shown} alvorligste af {total} sager vises.",
        "Only the worst {shown} of {total} cases are shown.",
    ),
    "board.recent": Text("Kvitteret og afsluttet for nylig", "Acknowledged and closed recently"),
    "severity.red": Text("Rød", "Red"),
    "severity.yellow": Text("Gul", "Yellow"),
    "severity.blue": Text("Blå", "Blue"),
    "severity.green": Text("Grøn", "Green"),
    "severity.none": Text("Ikke vurderet", "Not judged"),
    "state.new": Text("Ny", "New"),
    "state.seen": Text("Set", "Seen"),
    "state.returned": Text("Tilbage til normal, ikke set", "Back to normal, not seen"),
    "state.closed": Text("Afsluttet", "Closed"),
    "state.by": Text("af {name} {time}", "by {name} {time}"),
    "state.closed_by": Text("set af {name} {time}", "seen by {name} {time}"),
    "channel.clinical": Text("Målinger", "Readings"),
    "channel.missing": Text("Mangler", "Missing"),
    "channel.technical": Text("Teknik", "Technical"),
    "action.acknowledge": Text("Kvittér", "Acknowledge"),
    "action.unacknowledge": Text("Fortryd", "Undo"),
    "action.clear": Text("Afslut", "Close"),
    "action.clear_for": Text("Afslut for {name}", "Close for {name}"),
    "action.clear_doing": Text("Afslutter …", "Closing …"),
    "action.acknowledge_for": Text("Kvittér for {name}", "Acknowledge for {name}"),
    "action.unacknowledge_for": Text(
        "Fortryd kvittering for {name}", "Undo acknowledgement for {name}"
    ),
    "action.acknowledge_doing": Text("Kvitterer …", "Acknowledging …"),
    "action.unacknowledge_doing": Text("Fortryder …", "Undoing …"),
    # What the browser says by itself (handed to the script as data attributes)
    "live.connecting": Text("Forbinder …", "Connecting …"),
    "live.on": Text("Opdateres automatisk", "Updates by itself"),
    "live.lost": Text("Ikke opdateret siden {time}", "Not updated since {time}"),
    "live.lost_more": Text(
        "Forbindelsen er tabt, og nye sager vises ikke. Siden prøver igen automatisk.",
        "The connection is lost and new cases are not shown. Trying again by itself.",
    ),
    "live.changed": Text("Tavlen er ændret: {names}", "The board has changed: {names}"),
    "live.signed_out": Text(
        "Du er logget af. Log på igen for at se sagerne.",
        "You are signed out. Sign in again to see the cases.",
    ),
    "live.signed_out_short": Text("Du er logget af", "You are signed out"),
    "live.unconfirmed": Text(
        "Handlingen er ikke bekræftet. Se sagens status, og prøv igen.",
        "That is not confirmed. See the state of the case, and try again.",
    ),
    # The patient's page
    "patient.back": Text("Til tavlen", "To the board"),
    "patient.cases": Text("Åbne sager", "Open cases"),
    "patient.no_cases": Text("Ingen åbne sager", "No open cases"),
    "patient.measured_again": Text(
        "{what} var rød, og hjemmet er bedt om at måle igen. Er den næste måling normal, åbnes der "
        "ingen sag; ellers åbnes den senest kl. {until}",
        "{what} was red, and the home was asked to measure again. If the next one is normal no "
        "case is opened; otherwise it is opened by {until}",
    ),
    "patient.period": Text("Periode", "Period"),
    "patient.day": Text("24 timer", "24 hours"),
    "patient.days": Text("{days} dage", "{days} days"),
    "patient.never": Text("Ingen målinger endnu", "No readings yet"),
    "patient.none_in_period": Text("Ingen målinger i perioden", "No readings in the period"),
    "patient.findings": Text("Seneste fund", "Recent findings"),
    "patient.no_findings": Text(
        "Ingen fund ud over grønne endnu", "No findings other than green yet"
    ),
    "patient.late": Text("kom sent ind", "arrived late"),
    "patient.insufficient": Text("For lidt data til at vurdere", "Too little data to judge"),
    "patient.table": Text("Målinger som tabel ({count})", "Readings as a table ({count})"),
    "patient.cut": Text(
        "Kun de {count} nyeste målinger i perioden vises.",
        "Only the newest {count} readings of the period are shown.",
    ),
    "patient.time": Text("Tid", "Time"),
    "patient.value": Text("Værdi", "Value"),
    "patient.judged": Text("Vurdering", "Judgement"),
    "patient.device": Text("Udstyr", "Device"),
    "patient.notes": Text("Bemærkning", "Note"),
    "patient.typed": Text("tastet ind", "typed in"),
    "patient.typed_by_nurse": Text("tastet ind af sygeplejerske", "typed in by a nurse"),
    "patient.carried": Text("tid ikke helt sikker", "time not quite certain"),
    "patient.unchecked": Text("tid fra udstyrets ur", "time from the device's clock"),
    "patient.bounded": Text("tid usikker inden for en time", "time uncertain within an hour"),
    "patient.unknown_time": Text("tid ukendt", "time unknown"),
    "patient.stated": Text("tid oplyst af en person", "time as a person stated it"),
    "patient.arrival": Text("tid usikker", "time uncertain"),
    "patient.no_limits": Text("Ingen grænser sat", "No limits set"),
    "patient.limits": Text("Grænser nu", "Limits now"),
    "limit.red_low": Text("rød under {value}", "red below {value}"),
    "limit.yellow_low": Text("gul under {value}", "yellow below {value}"),
    "limit.yellow_high": Text("gul over {value}", "yellow above {value}"),
    "limit.red_high": Text("rød over {value}", "red above {value}"),
    "chart.title": Text("{quantity} de seneste {days} dage", "{quantity}, the last {days} days"),
    "chart.title_day": Text("{quantity} det seneste døgn", "{quantity}, the last 24 hours"),
    "chart.description": Text(
        "{count} målinger mellem {lowest} og {highest} {unit}; seneste {latest} {unit}. {limits}.",
        "{count} readings from {lowest} to {highest} {unit}; latest {latest} {unit}. {limits}.",
    ),
    "chart.invalid": Text(
        "{count} ugyldige målinger er vist som tomme, overstregede ringe og tæller ikke med.",
        "{count} invalid readings are shown as empty rings, struck through, and do not count.",
    ),
    # Signing in
    "sign_in.title": Text("Log på", "Sign in"),
    "sign_in.warning": Text(
        "Demo-login: enhver kan logge på som enhver. Kun til fiktive borgere.",
        "Demo sign-in: anybody can sign in as anybody. For invented patients only.",
    ),
    "sign_in.choose": Text("Hvem er du?", "Who are you?"),
    "sign_in.button": Text("Log på", "Sign in"),
    "sign_in.none": Text(
        "Der er ingen klinikere i databasen endnu.", "There are no clinicians in the database yet."
    ),
    "sign_in.unknown": Text(
        "Den kliniker findes ikke. Vælg en fra listen.",
        "There is no such clinician. Choose one from the list.",
    ),
    "sign_in.no_provider": Text(
        "Ingen identitetsudbyder er sat op, så ingen kan logge på. Kontakt driften.",
        "No identity provider is configured, so nobody can sign in. Contact operations.",
    ),
    "role.nurse": Text("sygeplejerske", "nurse"),
    "role.physician": Text("læge", "physician"),
    "role.assistant": Text("assistent", "assistant"),
    "role.administrator": Text("administrator", "administrator"),
    "role.logistics": Text("support", "support"),
    "role.viewer": Text("læseadgang", "may read"),
    # Where one can go
    "nav.label": Text("Sider", "Pages"),
    "nav.board": Text("Tavle", "Board"),
    "nav.held": Text("Uden ejer", "Without owner"),
    "nav.technical": Text("Hjem og udstyr", "Homes and devices"),
    "nav.rules": Text("Regelsæt", "Rule sets"),
    # What can go wrong
    "error.back": Text("Tilbage", "Back"),
    "error.forbidden": Text(
        "Din rolle giver ikke adgang til dette.", "Your role does not give access to this."
    ),
    "error.not_yours": Text(
        "Kun sygeplejersker og læger, der arbejder for borgeren, kan gøre dette.",
        "Only nurses and physicians who work for the patient can do this.",
    ),
    "error.decided_first": Text(
        "En anden har taget stilling først, og din beslutning er ikke gemt. Se, hvad der gælder "
        "nu.",
        "Somebody else decided first, and yours was not saved. See what holds now.",
    ),
    "error.title": Text("Noget gik galt", "That did not work"),
    "error.database_away": Text(
        "Databasen kan ikke nås lige nu. Intet vises, fordi det kunne være forældet. "
        "Prøv igen om lidt; siden genindlæses automatisk.",
        "The database cannot be reached right now. Nothing is shown, since it could be out of "
        "date. Try again shortly; the page recovers by itself.",
    ),
    "error.schema": Text(
        "Databasen har ikke den version, som denne udgave kræver. Driften skal køre "
        "'telekol migrate'.",
        "The database is not at the version this release needs. Operations must run "
        "'telekol migrate'.",
    ),
    "error.not_found": Text("Siden eller borgeren findes ikke.", "No such page or patient."),
    "error.case_unknown": Text(
        "Sagen findes ikke. Hent tavlen igen.", "There is no such case. Load the board again."
    ),
    "error.case_conflict": Text(
        "Sagen tillader ikke dette længere; en anden kan være kommet først. Se den nye status.",
        "The case no longer allows this; somebody may have been first. See its new state.",
    ),
    "error.case_moved": Text(
        "Sagen er ændret, siden du så den, og er ikke kvitteret. Se årsagen, og prøv igen.",
        "The case has changed since you saw it and was not acknowledged. See the reason and "
        "try again.",
    ),
    "error.bad_request": Text(
        "Forespørgslen kunne ikke forstås.", "The request could not be understood."
    ),
    "error.unexpected": Text(
        "Noget gik galt hos os. Det er skrevet i loggen.",
        "Something went wrong on our side. It has been logged.",
    ),
    # Times
    "ago.now": Text("lige nu", "just now"),
    "ago.minutes": Text("{n} min. siden", "{n} min ago"),
    "ago.hour": Text("1 time siden", "1 hour ago"),
    "ago.hours": Text("{n} timer siden", "{n} hours ago"),
    "ago.days": Text("{n} dage siden", "{n} days ago"),
    "since.minutes": Text("{n} min.", "{n} min"),
    "since.at": Text("kl. {time}", "at {time}"),
    "ago.ahead": Text("i fremtiden", "in the future"),
}

TEXTS: Final[dict[str, Text]] = {**_GENERAL, **DESK, **TECHNICAL, **PHYSICIAN}

WEEKDAYS: Final = Text("man tir ons tor fre lør søn", "Mon Tue Wed Thu Fri Sat Sun")
MONTHS: Final = Text(
    "jan. feb. mar. apr. maj juni juli aug. sep. okt. nov. dec.",
    "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec",
)
