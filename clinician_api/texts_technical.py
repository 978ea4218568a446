"""Texts of homes and devices. A part of the one table in `texts`, by page."""

from __future__ import annotations

from typing import Final

from clinician_api.language import Text

TECHNICAL: Final[dict[str, Text]] = {
    "technical.title": Text("Hjem og udstyr", "Homes and devices"),
    "technical.lead": Text(
        "Hjem, hvor noget er galt, og hvad der kan gøres. Her vises ingen målinger.",
        "Homes in which something is wrong, and what can be done. No readings are shown here.",
    ),
    "technical.on_board": Text("{count} hjem med tekniske fejl", "{count} homes in trouble"),
    "technical.on_board_one": Text("1 hjem med tekniske fejl", "1 home in trouble"),
    "technical.all_well": Text("Intet hjem melder fejl", "No home reports trouble"),
    "technical.all_well_more": Text(
        "{count} hjem er hørt. Senest opdateret {time}.",
        "{count} homes were heard. Last updated {time}.",
    ),
    "technical.well": Text("Hjem uden fejl ({count})", "Homes without trouble ({count})"),
    "technical.stopping": Text("Målinger når ikke frem", "Readings do not arrive"),
    "technical.soon": Text("Skal ordnes", "To be mended"),
    "technical.since": Text("siden {when}", "since {when}"),
    "technical.do": Text("Gør dette:", "Do this:"),
    "technical.home": Text("Hjem", "Home"),
    "technical.state": Text("Forbindelse", "Connection"),
    "technical.health": Text("Tilstand", "Health"),
    "technical.devices": Text("Udstyr", "Devices"),
    "technical.battery": Text("batteri {battery}", "battery {battery}"),
    "technical.low": Text("lavt", "low"),
    "technical.device_heard": Text("hørt {ago}", "heard {ago}"),
    "technical.no_kit": Text("uden kit", "without a kit"),
    "technical.kit": Text("Kit {kit}", "Kit {kit}"),
    "technical.gateway": Text("hjemmeboks {gateway}", "gateway {gateway}"),
    "technical.online": Text("Forbundet siden {since}", "Connected since {since}"),
    "technical.offline": Text("Ingen forbindelse siden {since}", "No connection since {since}"),
    "technical.silent": Text("Aldrig hørt", "Never heard"),
    "technical.never_heard": Text(
        "Hjemmeboksen har aldrig meldt sig.", "The gateway has never reported."
    ),
    "technical.never_heard_step": Text(
        "Er den sat op og tændt? Kontrollér internet og certifikat.",
        "Is it installed and switched on? Check its internet and certificate.",
    ),
    "technical.heard": Text("Sidst hørt", "Last heard"),
    "technical.never": Text("aldrig", "never"),
    "technical.unknown": Text("ukendt", "unknown"),
    "technical.outbox": Text("Venter i hjemmet", "Waiting at home"),
    "technical.outbox_empty": Text("ingen målinger", "no readings"),
    "technical.outbox_waiting": Text(
        "{count} målinger, ældste {age}", "{count} readings, oldest {age}"
    ),
    "technical.minutes": Text("{n} min.", "{n} min"),
    "technical.hours": Text("{n} timer", "{n} hours"),
    "technical.days": Text("{n} dage", "{n} days"),
    "technical.clock": Text("Ur", "Clock"),
    "technical.clock_right": Text("går rigtigt", "right"),
    "technical.clock_wrong": Text("usikkert", "not to be trusted"),
    "technical.radio": Text("Bluetooth", "Bluetooth"),
    "technical.radio_listening": Text("lytter", "listening"),
    "technical.radio_talking": Text("taler med udstyr", "talking to a device"),
    "technical.radio_unavailable": Text("kan ikke bruges", "unavailable"),
    "technical.radio_blind": Text("hører intet", "hears nothing"),
    "technical.version": Text("Version", "Version"),
    "technical.gaps": Text("Numre, der mangler", "Missing numbers"),
    "technical.gap": Text(
        "{count} målinger mangler (nr. {numbers}), bemærket {since}.",
        "{count} readings are missing (no. {numbers}), noticed {since}.",
    ),
    "technical.gap_one": Text(
        "1 måling mangler (nr. {numbers}), bemærket {since}.",
        "1 reading is missing (no. {numbers}), noticed {since}.",
    ),
    "technical.gap_waiting_one": Text(
        "1 måling er på vej (nr. {numbers}), siden {since}.",
        "1 reading is on its way (no. {numbers}), since {since}.",
    ),
    "technical.gap_waiting": Text(
        "{count} målinger er på vej (nr. {numbers}), siden {since}.",
        "{count} readings are on their way (no. {numbers}), since {since}.",
    ),
    "technical.gap_reason": Text("Forklaring: {reason}.", "Explanation: {reason}."),
    "technical.quarantine": Text("Lagt til side", "Set aside"),
    "technical.quarantined": Text(
        "{why} Antal: {count}, ældste fra {since}.", "{why} Count: {count}, oldest of {since}."
    ),
    "technical.unknown_senders": Text(
        "Lagt til side fra ukendte afsendere", "Set aside, of unknown senders"
    ),
    "technical.ownerless": Text(
        "{count} målinger kom, mens ingen havde kittet ({first} til {last}). Tildel kittet.",
        "{count} readings came while nobody had the kit ({first} to {last}). Assign the kit.",
    ),
    "technical.ownerless_title": Text("Målinger uden borger", "Readings of nobody"),
    # Why something was set aside; the codes are those of docs/wire.md
    "quarantine.unknown_kit": Text(
        "Hjemmeboksen hører ikke til noget kit.", "The gateway belongs to no kit."
    ),
    "quarantine.implausible_value": Text(
        "Værdien kan intet levende menneske have.", "Nobody alive can have the value."
    ),
    "quarantine.bad_observation": Text(
        "Målingen kunne ikke læses eller kan ikke være målt.",
        "The reading could not be read or cannot have been measured.",
    ),
    "quarantine.id_clash": Text(
        "Målingen kendes med en anden værdi.", "The reading is known with another value."
    ),
    "quarantine.not_storable": Text(
        "Databasen afviste indholdet.", "The database refused what it holds."
    ),
    "quarantine.unforeseen_error": Text(
        "En fejl, som ingen havde forudset.", "An error that nobody foresaw."
    ),
    "quarantine.topic_mismatch": Text(
        "Afsender og indhold passer ikke sammen.", "Sender and content do not fit together."
    ),
    "quarantine.bad_envelope": Text(
        "Beskeden er bygget forkert.", "The message is put together wrongly."
    ),
    "quarantine.bad_topic": Text("Emnet er ikke tilladt.", "The topic is not allowed."),
    "quarantine.not_json": Text("Beskeden er ikke JSON.", "The message is not JSON."),
    "quarantine.too_large": Text("Beskeden er for stor.", "The message is too large."),
    "quarantine.wrong_version": Text(
        "Beskeden er af en anden version.", "The message is of another version."
    ),
    "quarantine.bad_health": Text(
        "Hjemmeboksens helbred kunne ikke læses.", "The gateway's health could not be read."
    ),
    "quarantine.bad_acknowledgement": Text(
        "En kvittering kunne ikke læses.", "An acknowledgement could not be read."
    ),
    "quarantine.other": Text("Årsag {code}.", "Cause {code}."),
}
