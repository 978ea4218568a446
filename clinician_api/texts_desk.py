"""Texts of readings that wait for a person, and of whether a reading holds.

A part of the one table in `texts`, by page.
"""

from __future__ import annotations

from typing import Final

from clinician_api.language import Text

DESK: Final[dict[str, Text]] = {
    # Readings without an owner
    "held.title": Text("Målinger uden ejer", "Readings without an owner"),
    "held.lead": Text(
        "Disse målinger er gemt, men tæller ikke med hos nogen, før et menneske har taget "
        "stilling. Vægt kan komme fra en anden i hjemmet.",
        "These readings are stored but count for nobody until a person has decided. A weight can "
        "be somebody else's in the home.",
    ),
    "held.none": Text("Ingen målinger venter på en ejer", "No readings wait for an owner"),
    "held.none_more": Text(
        "Når en måling ikke kan være borgerens, kommer den her.",
        "When a reading cannot be the patient's, it comes here.",
    ),
    "held.count": Text("{count} målinger venter", "{count} readings wait"),
    "held.count_one": Text("1 måling venter", "1 reading waits"),
    "held.on_board": Text(
        "{count} målinger venter på en ejer", "{count} readings wait for an owner"
    ),
    "held.on_board_one": Text("1 måling venter på en ejer", "1 reading waits for an owner"),
    "held.decide": Text("Tag stilling", "Decide"),
    "held.kit": Text("Kit {kit}", "Kit {kit}"),
    "held.no_kit": Text("Ukendt kit", "Unknown kit"),
    "held.measured": Text("Målt {when}", "Measured {when}"),
    "held.whose": Text("Kittet er hos {name}", "The kit is with {name}"),
    "held.slot": Text("vægtens bruger {number}", "the scale's user {number}"),
    "held.usual": Text(
        "{name} plejer at veje {usual} {unit}: median af {count} målinger, senest {last} {unit} "
        "{when}.",
        "{name} usually weighs {usual} {unit}: median of {count} readings, last {last} {unit} "
        "{when}.",
    ),
    "held.usual_other": Text(
        "{name} plejer at have {usual} {unit}: median af {count} målinger, senest {last} {unit} "
        "{when}.",
        "{name} usually has {usual} {unit}: median of {count} readings, last {last} {unit} {when}.",
    ),
    "held.no_history": Text(
        "Der er ingen tidligere målinger at sammenligne med.",
        "There are no earlier readings to compare with.",
    ),
    "held.difference": Text("{difference} kg fra det sædvanlige", "{difference} kg from usual"),
    "held.why": Text("Hvorfor den venter", "Why it waits"),
    "held.weight_jump": Text(
        "Vægten ligger længere fra borgerens egen, end en krop kan ændre sig på den tid.",
        "The weight lies further from the patient's own than a body can change in that time.",
    ),
    "held.other_slot": Text(
        "Vægten siger, at det var en anden bruger end borgeren plejer at være.",
        "The scale says that it was another user than the patient usually is.",
    ),
    "held.handed_back": Text(
        "Nogen har fortrudt en tidligere beslutning.", "Somebody took an earlier decision back."
    ),
    "held.kit_unassigned": Text(
        "Kittet var ikke udleveret til nogen, da der blev målt.",
        "Nobody had the kit when it was measured.",
    ),
    "held.unknown_code": Text("Holdt tilbage: {code}", "Held back: {code}"),
    "held.chart": Text("{name}s målinger og den, der venter", "{name}'s readings and this one"),
    "held.chart_more": Text(
        "{count} målinger af {name} mellem {lowest} og {highest} {unit}. Målingen, der venter, "
        "er {value} {unit} og vist som et kryds.",
        "{count} readings of {name} from {lowest} to {highest} {unit}. The one that waits is "
        "{value} {unit}, shown as a cross.",
    ),
    "held.attribute": Text("Det er {name}s måling", "It is {name}'s reading"),
    "held.refuse": Text("Ikke borgerens", "Not the patient's"),
    "held.undo": Text("Fortryd", "Undo"),
    "held.attribute_title": Text("Målingen er {name}s", "The reading is {name}'s"),
    "held.refuse_title": Text("Målingen er ikke {name}s", "The reading is not {name}'s"),
    "held.undo_title": Text("Fortryd beslutningen", "Undo the decision"),
    "held.attribute_more": Text(
        "Den kommer ind i {name}s forløb, vurderes med det samme og kan give en sag på tavlen. "
        "Vagten lærer af det: lignende vægte holdes ikke tilbage igen.",
        "It becomes part of {name}'s course, is judged at once and can make a case on the board. "
        "The guard learns from it: similar weights are not held again.",
    ),
    "held.refuse_more": Text(
        "Den tæller ikke med hos nogen. Den slettes ikke, og beslutningen kan fortrydes.",
        "It counts for nobody. It is not deleted, and the decision can be undone.",
    ),
    "held.undo_more": Text(
        "Målingen er igen, hvor den var før beslutningen.",
        "The reading is again where it was before the decision.",
    ),
    "held.other_owner": Text("En anden borger", "Another patient"),
    "held.other_owner_more": Text(
        "Kun borgere, som du arbejder for, kan vælges.",
        "Only patients whom you work for can be chosen.",
    ),
    "held.choose": Text("Hvis måling er det?", "Whose reading is it?"),
    "held.note": Text("Begrundelse", "Why"),
    "held.note_hint": Text(
        "Fx: ringet til borgeren, ægtefællen vejede sig. Gemmes med dit navn. Skriv ikke navne.",
        "E.g. phoned the patient, the spouse used the scale. Kept with your name. Write no names.",
    ),
    "held.confirm": Text("Bekræft", "Confirm"),
    "held.cancel": Text("Annullér", "Cancel"),
    "held.doing": Text("Gemmer …", "Saving …"),
    "held.decided": Text("Besluttet for nylig", "Decided lately"),
    "held.decided_attributed": Text("{name}s måling", "{name}'s reading"),
    "held.decided_refused": Text("Ikke {name}s", "Not {name}'s"),
    "held.decided_by": Text("{name}, {when}", "{name}, {when}"),
    "held.saved": Text("Beslutningen er gemt.", "The decision is saved."),
    # Whether one reading holds
    "reading.title": Text("{quantity} {value} {unit}", "{quantity} {value} {unit}"),
    "reading.back": Text("Til {name}", "To {name}"),
    "reading.measured": Text("Målt", "Measured"),
    "reading.received": Text("Modtaget", "Received"),
    "reading.device": Text("Udstyr", "Device"),
    "reading.entered": Text("Indtastning", "Entry"),
    "reading.automatic": Text("automatisk fra udstyret", "automatic, from the device"),
    "reading.valid": Text("Gyldig", "Valid"),
    "reading.invalid": Text("Ugyldig", "Invalid"),
    "reading.invalidate": Text("Gør målingen ugyldig", "Make the reading invalid"),
    "reading.invalidate_more": Text(
        "Den bliver stående, overstreget, og tæller ikke med i vurderinger, kurver og sædvanligt "
        "niveau. Det, der bygger på den, vurderes igen.",
        "It stays, struck through, and counts in no judgement, trend or usual level. What was "
        "built on it is judged again.",
    ),
    "reading.why": Text("Hvorfor er den ugyldig?", "Why is it invalid?"),
    "reading.why_technique": Text(
        "Forkert målt, fx kold finger", "Measured badly, e.g. cold finger"
    ),
    "reading.why_device": Text("Fejl på udstyret", "The device failed"),
    "reading.why_person": Text("Målt på en anden person", "Measured on another person"),
    "reading.why_typed": Text("Tastet forkert", "Typed wrongly"),
    "reading.why_other": Text("Andet", "Something else"),
    "reading.note": Text("Uddybning", "More about it"),
    "reading.note_hint": Text(
        "Kræves ved »Andet«. Skriv ikke navne.", "Needed with “Something else”. Write no names."
    ),
    "reading.counts": Text(
        "Har borgeren gjort, hvad der var aftalt?", "Has the patient done what was agreed?"
    ),
    "reading.counts_yes": Text("Ja, den tæller som indsendt", "Yes, it counts as submitted"),
    "reading.counts_no": Text(
        "Nej, der mangler stadig en måling", "No, a reading is still missing"
    ),
    "reading.reinstate": Text("Gør målingen gyldig igen", "Make the reading valid again"),
    "reading.reinstate_more": Text(
        "Den tæller med igen og vurderes på sin egen tid.",
        "It counts again and is judged at its own time.",
    ),
    "reading.history": Text("Hvad der er sagt om den", "What was said of it"),
    "reading.no_history": Text("Ingen har sagt noget om den.", "Nobody has said anything of it."),
    "reading.said_invalidated": Text("Gjort ugyldig", "Made invalid"),
    "reading.said_reinstated": Text("Gjort gyldig igen", "Made valid again"),
    "reading.still_counts": Text("tæller som indsendt", "counts as submitted"),
    "reading.does_not_count": Text("tæller ikke som indsendt", "does not count as submitted"),
    "reading.by_guard": Text("systemets vagt", "the system's guard"),
    "reading.told_held": Text("Holdt tilbage", "Held back"),
    "reading.told_unproven": Text(
        "Taget med uden noget at sammenligne med", "Taken in with nothing to compare it with"
    ),
    "reading.told_attributed": Text("Sagt at være borgerens", "Said to be the patient's"),
    "reading.told_refused": Text("Sagt ikke at være borgerens", "Said not to be the patient's"),
    "reading.told_undone": Text("Beslutning fortrudt", "Decision taken back"),
    "reading.move": Text("Målingen er ikke {name}s", "The reading is not {name}'s"),
    "reading.move_more": Text(
        "Brug dette, når en anden har brugt udstyret. Målingen forlader borgerens forløb.",
        "Use this when somebody else used the device. The reading leaves the patient's course.",
    ),
    "reading.see": Text("Se eller ret {what} fra {when}", "See or change {what} of {when}"),
    "reading.open": Text("Se / ret", "See / change"),
    "reading.findings": Text("Fund, der bygger på den", "Findings made of it"),
}
