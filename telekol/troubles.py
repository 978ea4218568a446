"""What can go wrong in a home, in words a support person understands.

Owns the codes of technical trouble and, for each, what has happened and what to do. Pure data;
the gateway raises codes, the server stores them, pages show the words.

Invariants
----------
1. Every code has Danish and English words, and a next step that a person without a screwdriver
   can take.
2. A code never changes its meaning; a new meaning is a new code. A code that this side does not
   know, from a newer gateway, is shown as it is (`words`).
3. No words carry a measured value or a name.

What else changes with it: docs/wire.md lists the codes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class TroubleCode(StrEnum):
    """A technical trouble that somebody must know of."""

    RADIO_UNAVAILABLE = "radio-unavailable"
    RADIO_BLIND = "radio-blind"
    DEVICE_UNREACHABLE = "device-unreachable"
    BOND_LOST = "bond-lost"
    PAIRING_REFUSED = "pairing-refused"
    CONSENT_REFUSED = "consent-refused"
    DEVICE_CLOCK_WRONG = "device-clock-wrong"
    DEVICE_BATTERY_LOW = "device-battery-low"
    GATEWAY_CLOCK_UNTRUSTED = "gateway-clock-untrusted"
    OUTBOX_NEARLY_FULL = "outbox-nearly-full"
    OUTBOX_FULL = "outbox-full"
    OUTBOX_DAMAGED = "outbox-damaged"
    OUTBOX_OLD = "outbox-old"
    DISK_FULL = "disk-full"
    READING_REFUSED = "reading-refused"
    UNREADABLE_MEASUREMENT = "unreadable-measurement"
    BROKER_REFUSED = "broker-refused"
    CERTIFICATE_EXPIRING = "certificate-expiring"
    GATEWAY_OFFLINE = "gateway-offline"
    """Said by the server, since a gateway that is gone says nothing."""
    SEQUENCE_GAP = "sequence-gap"
    """Said by the server: numbers that the gateway gave out have not come for an hour."""
    READINGS_QUARANTINED = "readings-quarantined"
    """Said by the server: something of this gateway waits for an operator."""
    READING_HELD = "reading-held"
    """Said by the server: a reading waits for a person to say whose it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What a trouble is called and what to do about it.

    Parameters
    ----------
    danish, english
        What has happened, in one sentence.
    danish_step, english_step
        What to do next.
    """

    danish: str
    danish_step: str
    english: str
    english_step: str


TROUBLES: Final[dict[TroubleCode, Words]] = {
    TroubleCode.RADIO_UNAVAILABLE: Words(
        danish="Hjemmeboksens Bluetooth kan ikke bruges.",
        danish_step="Sluk og tænd hjemmeboksen. Hjælper det ikke, skal den byttes.",
        english="The gateway's Bluetooth cannot be used.",
        english_step="Switch the gateway off and on. If that does not help, replace it.",
    ),
    TroubleCode.RADIO_BLIND: Words(
        danish="Hjemmeboksens Bluetooth hører ikke længere noget, heller ikke efter genstart.",
        danish_step="Tag strømmen fra hjemmeboksen i et minut. Hjælper det ikke, skal den byttes. "
        "Indtil da kommer der ingen målinger.",
        english="The gateway's Bluetooth no longer hears anything, even after a restart.",
        english_step="Unplug the gateway for a minute. If that does not help, replace it. Until "
        "then no measurement arrives.",
    ),
    TroubleCode.DEVICE_UNREACHABLE: Words(
        danish="Hjemmeboksen kan høre apparatet, men ikke få forbindelse til det.",
        danish_step="Bed borgeren måle tættere på hjemmeboksen. Sker det igen, så skift apparatets "
        "batterier.",
        english="The gateway hears the device but cannot connect to it.",
        english_step="Ask the person to measure closer to the gateway. If it happens again, change "
        "the device's batteries.",
    ),
    TroubleCode.BOND_LOST: Words(
        danish="Apparatet og hjemmeboksen kender ikke længere hinanden.",
        danish_step="Par apparatet igen: sæt det i parringstilstand ved siden af hjemmeboksen.",
        english="The device and the gateway no longer know each other.",
        english_step="Pair the device again: put it into pairing mode beside the gateway.",
    ),
    TroubleCode.PAIRING_REFUSED: Words(
        danish="Apparatet afviste at blive parret med hjemmeboksen.",
        danish_step="Sæt apparatet i parringstilstand, og slet det på telefoner, der bruger det.",
        english="The device refused to be paired with the gateway.",
        english_step="Put the device into pairing mode, and remove it from phones that use it.",
    ),
    TroubleCode.CONSENT_REFUSED: Words(
        danish="Apparatet giver ikke målinger fra den brugerprofil, hjemmeboksen har.",
        danish_step="Vælg brugeren på apparatet igen, og kontrollér koden i hjemmeboksen.",
        english="The device does not give readings of the user profile that the gateway has.",
        english_step="Choose the user on the device again, and check the code in the gateway.",
    ),
    TroubleCode.DEVICE_CLOCK_WRONG: Words(
        danish="Apparatets ur går forkert og kan ikke stilles af hjemmeboksen.",
        danish_step="Stil uret på apparatet, eller skift batterierne og stil det igen.",
        english="The device's clock is wrong and the gateway cannot set it.",
        english_step="Set the clock on the device, or change its batteries and set it again.",
    ),
    TroubleCode.DEVICE_BATTERY_LOW: Words(
        danish="Apparatets batteri er næsten tomt.",
        danish_step="Skift eller oplad batteriet.",
        english="The device's battery is nearly empty.",
        english_step="Change or charge the battery.",
    ),
    TroubleCode.GATEWAY_CLOCK_UNTRUSTED: Words(
        danish="Hjemmeboksen ved ikke, hvad klokken er.",
        danish_step="Kontrollér, at hjemmeboksen har internet og må hente tiden (NTP).",
        english="The gateway does not know what time it is.",
        english_step="Check that the gateway has internet and may fetch the time (NTP).",
    ),
    TroubleCode.OUTBOX_NEARLY_FULL: Words(
        danish="Hjemmeboksen har næsten ikke plads til flere målinger, der venter på at blive "
        "sendt.",
        danish_step="Få hjemmeboksen på nettet, før pladsen er brugt.",
        english="The gateway has hardly any room left for readings that wait to be sent.",
        english_step="Bring the gateway online before the room is used up.",
    ),
    TroubleCode.OUTBOX_FULL: Words(
        danish="Hjemmeboksen har ikke plads til flere målinger og giver nogle af dem op.",
        danish_step="Få hjemmeboksen på nettet nu. Regn med, at målinger mangler.",
        english="The gateway has no room for more readings and is giving some of them up.",
        english_step="Bring the gateway online now. Expect readings to be missing.",
    ),
    TroubleCode.OUTBOX_DAMAGED: Words(
        danish="Hjemmeboksens lager af målinger var beskadiget; det, der kunne læses, er reddet.",
        danish_step="Regn med, at målinger kan mangle. Sker det igen, skal hukommelseskortet "
        "byttes.",
        english="The gateway's store of readings was damaged; what could be read was saved.",
        english_step="Expect that readings can be missing. If it happens again, replace the "
        "memory card.",
    ),
    TroubleCode.OUTBOX_OLD: Words(
        danish="Målinger har ventet for længe i hjemmeboksen uden at blive modtaget.",
        danish_step="Kontrollér hjemmeboksens internet. Er det i orden, så spørg driften.",
        english="Readings have waited too long in the gateway without being received.",
        english_step="Check the gateway's internet. If it works, ask operations.",
    ),
    TroubleCode.DISK_FULL: Words(
        danish="Hjemmeboksens disk er fuld, og nye målinger kan ikke gemmes.",
        danish_step="Kontakt driften; hjemmeboksen skal ryddes eller byttes.",
        english="The gateway's disk is full and new readings cannot be kept.",
        english_step="Ask operations; the gateway must be cleared or replaced.",
    ),
    TroubleCode.READING_REFUSED: Words(
        danish="En måling blev kasseret, fordi den ikke var god nok, f.eks. fingeren var ude.",
        danish_step="Bed borgeren måle igen i ro. Sker det tit, så gennemgå målingen sammen.",
        english="A measurement was discarded because it was not good enough, e.g. the finger was "
        "out.",
        english_step="Ask the person to measure again at rest. If it happens often, go through it "
        "together.",
    ),
    TroubleCode.UNREADABLE_MEASUREMENT: Words(
        danish="Apparatet sendte noget, som hjemmeboksen ikke kan læse.",
        danish_step="Bed borgeren måle igen. Sker det igen, så giv apparatets model til driften.",
        english="The device sent something that the gateway cannot read.",
        english_step="Ask the person to measure again. If it happens again, tell operations the "
        "device's model.",
    ),
    TroubleCode.BROKER_REFUSED: Words(
        danish="Serveren afviste hjemmeboksen.",
        danish_step="Kontakt driften: hjemmeboksens certifikat eller navn passer ikke.",
        english="The server refused the gateway.",
        english_step="Ask operations: the gateway's certificate or name does not fit.",
    ),
    TroubleCode.CERTIFICATE_EXPIRING: Words(
        danish="Hjemmeboksens certifikat udløber snart.",
        danish_step="Kontakt driften, så det fornyes, før hjemmeboksen ikke kan sende mere.",
        english="The gateway's certificate expires soon.",
        english_step="Ask operations to renew it before the gateway can no longer send.",
    ),
    TroubleCode.GATEWAY_OFFLINE: Words(
        danish="Hjemmeboksen har ingen forbindelse til serveren.",
        danish_step="Spørg, om hjemmeboksen er tændt, og om internettet virker. Målinger gemmes i "
        "hjemmeboksen og sendes, når den er tilbage.",
        english="The gateway has no connection to the server.",
        english_step="Ask whether the gateway is switched on and the internet works. Readings are "
        "kept in the gateway and sent when it is back.",
    ),
    TroubleCode.SEQUENCE_GAP: Words(
        danish="Målinger, som hjemmeboksen har nummereret, er ikke nået frem.",
        danish_step="Kontakt driften: se, hvilke numre der mangler, og bed hjemmeboksen sende "
        "igen.",
        english="Readings that the gateway has numbered have not arrived.",
        english_step="Ask operations to see which numbers are missing and have them sent again.",
    ),
    TroubleCode.READINGS_QUARANTINED: Words(
        danish="Noget, som hjemmeboksen sendte, kunne ikke gemmes og er lagt til side.",
        danish_step="Kontakt driften: se årsagen med telekol quarantine list, ret den, og prøv "
        "igen.",
        english="Something that the gateway sent could not be stored and was set aside.",
        english_step="Ask operations to see why with telekol quarantine list, mend it and retry.",
    ),
    TroubleCode.READING_HELD: Words(
        danish="En måling kan være en andens og holdes tilbage, til nogen har taget stilling.",
        danish_step="Spørg borgeren, hvem der målte, og angiv, hvis målingen er.",
        english="A reading may be somebody else's and is held back until somebody has decided.",
        english_step="Ask the person who measured, and say whose the reading is.",
    ),
}


def words(code: str) -> Words:
    """Give the words of a code; one we do not know is shown as it is."""
    if code in TroubleCode.__members__.values():
        return TROUBLES[TroubleCode(code)]
    return Words(
        danish=f"Hjemmeboksen melder en fejl, som denne version ikke kender: {code}.",
        danish_step="Kontakt driften; serveren er ældre end hjemmeboksen.",
        english=f"The gateway reports a trouble that this version does not know: {code}.",
        english_step="Ask operations; the server is older than the gateway.",
    )
