"""Texts of what physicians decide: rule sets, what is usual, evidence. A part of `texts`."""

from __future__ import annotations

from typing import Final

from clinician_api.language import Text

PHYSICIAN: Final[dict[str, Text]] = {
    # Rule sets
    "rules.title": Text("Regelsæt", "Rule sets"),
    "rules.lead": Text(
        "Reglerne, der vurderer målingerne, i ord og tal. Et regelsæt ændres aldrig; en ændring er "
        "en ny version, som en læge godkender.",
        "The rules that judge the readings, in words and numbers. A rule set never changes; a "
        "change is a new version, which a physician approves.",
    ),
    "rules.version": Text("{name}, version {version}", "{name}, version {version}"),
    "rules.template": Text("Ikke-godkendt skabelon", "Unapproved template"),
    "rules.template_more": Text(
        "Ingen læge har godkendt disse tal. De bruges alligevel, og hvert fund siger det.",
        "No physician has approved these numbers. They are used all the same, and every finding "
        "says so.",
    ),
    "rules.approved": Text("Godkendt af {name}, {when}", "Approved by {name}, {when}"),
    "rules.used_by": Text("Bruges af:", "Used by:"),
    "rules.everybody": Text("alle, der ikke har et andet", "everybody who has no other"),
    "rules.loaded": Text("Udgivet {when}.", "Published {when}."),
    "rules.show": Text("{count} regler", "{count} rules"),
    "rules.quantity": Text("Måling og regel", "Quantity and rule"),
    "rules.numbers": Text("Tal", "Numbers"),
    "rules.when": Text("Hvornår", "When"),
    "rules.at_once": Text("med det samme", "at once"),
    "rules.others": Text("Ikke i brug", "Not in use"),
    "rules.none": Text("Intet regelsæt er i brug", "No rule set is in use"),
    "rules.none_more": Text(
        "Driften udgiver et med »telekol rules publish«.",
        "Operations publish one with “telekol rules publish”.",
    ),
    "rules.not_understood": Text(
        "Denne udgave af programmet forstår ikke regelsættet. Det kan ikke godkendes her.",
        "This release does not understand the rule set. It cannot be approved here.",
    ),
    "rules.approve": Text("Godkend regelsættet", "Approve the rule set"),
    "rules.approve_title": Text("Godkend »{title}«?", "Approve “{title}”?"),
    "rules.approve_more": Text(
        "Fra nu af siger fund, at regelsættet er godkendt, med dit navn. Tidligere fund bliver "
        "stående, som de var. Godkendelsen kan ikke tages tilbage; en anden version kan tage over.",
        "From now on findings say that the rule set is approved, with your name. Earlier findings "
        "stay as they were. The approval cannot be taken back; another version can replace it.",
    ),
    "rules.have_read": Text(
        "Jeg har læst alle regler og tal ovenfor.", "I have read all rules and numbers above."
    ),
    "rules.saved": Text("Regelsættet er godkendt.", "The rule set is approved."),
    # A rule in words
    "rule.red_below_usual": Text(
        "rød mere end {value} under det sædvanlige", "red more than {value} below usual"
    ),
    "rule.red_above_usual": Text(
        "rød mere end {value} over det sædvanlige", "red more than {value} above usual"
    ),
    "rule.yellow_below_usual": Text(
        "gul mere end {value} under det sædvanlige", "yellow more than {value} below usual"
    ),
    "rule.yellow_above_usual": Text(
        "gul mere end {value} over det sædvanlige", "yellow more than {value} above usual"
    ),
    "rule.persist": Text(
        "når mindst {least} af de seneste {of} målinger inden for {days} dage siger det",
        "when at least {least} of the newest {of} readings within {days} days say so",
    ),
    "rule.confirm": Text(
        "en tvivlsom rød måles igen; ventes højst {minutes} min.",
        "a doubtful red is measured again; waits {minutes} min at most",
    ),
    "rule.hysteresis": Text(
        "er først tilbage, når den er {value} inden for grænsen",
        "is back only when it is {value} within the limit",
    ),
    "rule.hold_off": Text(
        "åbner ikke igen i {days} dage efter en lukket sag",
        "does not open again for {days} days after a closed case",
    ),
    "rule.need": Text("kræver mindst {count} målinger", "needs at least {count} readings"),
    "parameter.direction": Text("skadelig retning: {value}", "harm lies: {value}"),
    "parameter.yellow": Text("gul fra mere end {value}", "yellow from more than {value}"),
    "parameter.red": Text("rød fra mere end {value}", "red from more than {value}"),
    "parameter.floor": Text("mindste spredning {value}", "least spread {value}"),
    "parameter.youngest_days": Text(
        "de seneste {value} dage er ikke en del af det sædvanlige",
        "the newest {value} days are no part of the usual",
    ),
    "parameter.yellow_per_day": Text(
        "gul fra mere end {value} om dagen", "yellow from more than {value} a day"
    ),
    "parameter.red_per_day": Text(
        "rød fra mere end {value} om dagen", "red from more than {value} a day"
    ),
    "parameter.p_below": Text("kun når p er under {value}", "only when p is under {value}"),
    "parameter.within_days": Text("inden for {value} dage", "within {value} days"),
    "parameter.reference": Text("målt fra {value}", "counted from {value}"),
    "parameter.longest_reference_age_days": Text(
        "det sædvanlige niveau er højst {value} dage gammelt",
        "the usual level is at most {value} days old",
    ),
    "parameter.yellow_with": Text(
        "gul fra mere end {value} med symptomer", "yellow from more than {value} with symptoms"
    ),
    "parameter.red_with": Text(
        "rød fra mere end {value} med symptomer", "red from more than {value} with symptoms"
    ),
    "parameter.yellow_without": Text(
        "gul fra mere end {value} uden symptomer", "yellow from more than {value} without symptoms"
    ),
    "parameter.red_without": Text(
        "rød fra mere end {value} uden symptomer", "red from more than {value} without symptoms"
    ),
    "parameter.yellow_unasked": Text(
        "gul fra mere end {value}, når der ikke er spurgt",
        "yellow from more than {value} when nobody asked",
    ),
    "parameter.red_unasked": Text(
        "rød fra mere end {value}, når der ikke er spurgt",
        "red from more than {value} when nobody asked",
    ),
    "parameter.questionnaire": Text("spørgeskemaet {value}", "of the questionnaire {value}"),
    "parameter.together": Text("sammen med {value}", "together with {value}"),
    "parameter.yellow_rise": Text("gul, når den stiger {value}", "yellow when it rises {value}"),
    "parameter.red_rise": Text("rød, når den stiger {value}", "red when it rises {value}"),
    "parameter.yellow_fall": Text("gul, når den falder {value}", "yellow when it falls {value}"),
    "parameter.red_fall": Text("rød, når den falder {value}", "red when it falls {value}"),
    "parameter.tell_after_minutes": Text(
        "meldes {value} min. efter fristen", "told {value} min after the deadline"
    ),
    "parameter.silent_after_hours": Text("tavs efter {value} timer", "silent after {value} hours"),
    "parameter.codes": Text("for enkelte fejl: {value}", "for single troubles: {value}"),
    "parameter.chart": Text("kontrolkort {value}", "control chart {value}"),
    "parameter.flagged_as": Text("meldes som {value}", "flagged as {value}"),
    "parameter_value.low": Text("lavere", "lower"),
    "parameter_value.high": Text("højere", "higher"),
    "parameter_value.either": Text("begge veje", "either way"),
    "parameter_value.yellow": Text("gul", "yellow"),
    "parameter_value.red": Text("rød", "red"),
    "parameter_value.furthest": Text(
        "den måling, den er længst fra", "the reading it is furthest from"
    ),
    "parameter_value.median": Text("dagenes median", "the median of those days"),
    # What is usual for a patient
    "usual.title": Text("Sædvanligt niveau", "Usual level"),
    "usual.lead": Text(
        "Grænser kan gælde i forhold til det, der er sædvanligt for borgeren. Systemet foreslår et "
        "niveau ud fra de første 14 dage; en læge godkender det. Indtil da bruges forslaget, og "
        "fund siger, at det ikke er godkendt.",
        "Limits can be relative to what is usual for the patient. The system proposes a level from "
        "the first 14 days; a physician approves it. Until then the proposal is used, and "
        "findings say that it is not approved.",
    ),
    "usual.none": Text(
        "Intet niveau endnu: der er for få målinger til et forslag.",
        "No level yet: there are too few readings for a proposal.",
    ),
    "usual.approved": Text("Godkendt af {name}, {when}", "Approved by {name}, {when}"),
    "usual.waits": Text("Foreslået, venter på en læge", "Proposed, waits for a physician"),
    "usual.ended": Text("Afsluttet uden godkendelse", "Ended without approval"),
    "usual.from": Text("gælder fra {since}", "holds from {since}"),
    "usual.from_to": Text("gjaldt {since} til {until}", "held {since} to {until}"),
    "usual.origin_proposed": Text("Foreslået af systemet", "Proposed by the system"),
    "usual.origin_measured_stable": Text("Målt i en stabil tid", "Measured in a stable time"),
    "usual.origin_clinic": Text("Målt i klinikken", "Measured at the clinic"),
    "usual.origin_predicted": Text("Beregnet", "Predicted"),
    "usual.origin_stated": Text("Oplyst", "Stated"),
    "usual.made_of": Text(
        "Median af {count} målinger fra den første tid.",
        "Median of {count} readings of the first time.",
    ),
    "usual.made_of_spread": Text(
        "Median af {count} målinger fra den første tid; spredning {spread}.",
        "Median of {count} readings of the first time; spread {spread}.",
    ),
    "usual.readings": Text("Målinger bag forslaget ({count})", "Readings behind it ({count})"),
    "usual.chart": Text("Målinger bag forslaget", "Readings behind the proposal"),
    "usual.chart_more": Text(
        "{count} målinger mellem {lowest} og {highest}; foreslået niveau {level}.",
        "{count} readings from {lowest} to {highest}; proposed level {level}.",
    ),
    "usual.approve": Text("Godkend {value}", "Approve {value}"),
    "usual.refuse": Text("Ikke det sædvanlige", "Not the usual"),
    "usual.set": Text("Sæt et andet niveau for {name}", "Set another level of {name}"),
    "usual.value": Text("Sædvanligt niveau i {unit}", "Usual level in {unit}"),
    "usual.origin": Text("Hvor er det fra?", "Where is it from?"),
    "usual.save": Text("Gem og godkend", "Save and approve"),
    "usual.before": Text("Tidligere niveauer ({count})", "Earlier levels ({count})"),
    "usual.link": Text("Sædvanligt niveau", "Usual level"),
    "usual.link_waits": Text(
        "{count} sædvanlige niveauer venter på en læge", "{count} usual levels wait for a physician"
    ),
    # Trying limits out
    "limits.title": Text("Grænser", "Limits"),
    "limits.lead": Text(
        "Flyt en grænse, og se, hvad den ville have markeret i det seneste år. Intet gemmes, før "
        "en læge bekræfter det.",
        "Move a limit and see what it would have flagged in the last year. Nothing is saved until "
        "a physician confirms it.",
    ),
    "limits.now": Text("Egne grænser nu:", "Own limits now:"),
    "limits.none": Text("ingen", "none"),
    "limits.red_low": Text("Rød under", "Red below"),
    "limits.yellow_low": Text("Gul under", "Yellow below"),
    "limits.yellow_high": Text("Gul over", "Yellow above"),
    "limits.red_high": Text("Rød over", "Red above"),
    "limits.try": Text("Prøv", "Try"),
    "limits.save": Text("Gem grænserne", "Save the limits"),
    "limits.reset": Text("Tilbage til de gældende", "Back to those in force"),
    "limits.saved": Text(
        "Grænserne er gemt og gælder fra nu.", "The limits are saved and hold now."
    ),
    "limits.in_force": Text("Med de gældende grænser", "With the limits in force"),
    "limits.as_tried": Text("Med de prøvede grænser", "With the limits tried"),
    "limits.totals": Text("{red} røde og {yellow} gule dage", "{red} red and {yellow} yellow days"),
    "limits.summary": Text(
        "I det seneste år ({days} dage med målinger) ville det have givet {after}; de gældende "
        "gav {before}.",
        "In the last year ({days} days with readings) this would have given {after}; those in "
        "force gave {before}.",
    ),
    "limits.change": Text("{day}: {before} bliver {after}", "{day}: {before} becomes {after}"),
    "limits.changes": Text("Dage, der ændrer farve", "Days that change colour"),
    "limits.more": Text("og {count} dage mere", "and {count} more days"),
    "limits.same": Text("Ingen dag ændrer farve.", "No day changes colour."),
    "limits.chart": Text(
        "Det seneste år, som de prøvede grænser ville have farvet det",
        "The last year, as the limits tried would have coloured it",
    ),
    "limits.wrong": Text(
        "Grænserne kan ikke bruges: skriv tal, og lad dem stige fra rød lav til rød høj.",
        "These limits cannot be used: write numbers that rise from red low to red high.",
    ),
    "limits.nothing": Text(
        "Ingen målinger eller ingen regler at prøve på", "No readings, or no rules, to try on"
    ),
    "limits.confirm_title": Text("Gem nye grænser for {name}?", "Save new limits for {name}?"),
    "limits.from": Text("Fra", "From"),
    "limits.to": Text("Til", "To"),
    "limits.confirm_more": Text(
        "De gælder fra nu af og er godkendt med dit navn. Tidligere målinger vurderes ikke igen.",
        "They hold from now on, approved with your name. Earlier readings are not judged again.",
    ),
    "limits.link": Text("Prøv og sæt grænser", "Try and set limits"),
    # Why a finding was found
    "evidence.show": Text("Hvorfor?", "Why?"),
    "evidence.rule": Text("Regel", "Rule"),
    "evidence.rule_version": Text("{rule}, version {version}", "{rule}, version {version}"),
    "evidence.set": Text("Regelsæt", "Rule set"),
    "evidence.unapproved": Text("ikke-godkendt skabelon", "unapproved template"),
    "evidence.approved": Text("godkendt", "approved"),
    "evidence.limits": Text("Grænser, der gjaldt", "Limits in force"),
    "evidence.usual": Text("Sædvanligt niveau", "Usual level"),
    "evidence.usual_value": Text("{value} ({count} målinger)", "{value} ({count} readings)"),
    "evidence.usual_proposed": Text("foreslået, ikke godkendt", "proposed, not approved"),
    "evidence.readings": Text("Målinger ({count})", "Readings ({count})"),
    "evidence.readings_gone": Text(
        "{count} er ikke længere borgerens eller for gamle til at vises her",
        "{count} are no longer the patient's, or too old to be shown here",
    ),
    "evidence.again": Text("vurderet igen", "judged again"),
    "evidence.again_late": Text("en ældre måling kom senere ind", "an older reading arrived later"),
    "evidence.again_validity": Text(
        "en måling blev gjort ugyldig eller gyldig igen",
        "a reading was made invalid, or valid again",
    ),
    "evidence.again_attribution": Text(
        "en måling fik eller mistede sin ejer", "a reading got or lost its owner"
    ),
    "evidence.again_other": Text("årsag {cause}", "cause {cause}"),
    "number.value": Text("målt", "measured"),
    "number.limit": Text("grænse, der blev passeret", "limit that was passed"),
    "number.difference": Text("forskel fra det sædvanlige", "difference from the usual"),
    "number.median": Text("borgerens median", "the patient's median"),
    "number.mad": Text("median afvigelse (MAD)", "median deviation (MAD)"),
    "number.z": Text("standardafvigelser (z)", "standard deviations (z)"),
    "number.n": Text("antal målinger", "readings counted"),
    "number.slope_per_day": Text("ændring om dagen", "change per day"),
    "number.s": Text("Mann-Kendall S", "Mann-Kendall S"),
    "number.p": Text("p-værdi", "p value"),
    "number.span_days": Text("over dage", "over days"),
    "number.ewma": Text("vægtet gennemsnit (EWMA)", "weighted mean (EWMA)"),
    "number.high": Text("sum opad (CUSUM)", "sum upwards (CUSUM)"),
    "number.low": Text("sum nedad (CUSUM)", "sum downwards (CUSUM)"),
    "number.h": Text("grænse for summen", "limit of the sum"),
    "number.change": Text("ændring", "change"),
    "number.over_days": Text("over dage", "over days"),
    "number.reference": Text("sammenlignet med", "compared with"),
    "number.reference_age_days": Text("niveauets alder i dage", "age of the level in days"),
    "number.spo2_fall_sd": Text("iltfald i SD", "SpO2 fall in SD"),
    "number.pulse_rise_sd": Text("pulsstigning i SD", "pulse rise in SD"),
    "number.spo2_mean": Text("iltmætning, gennemsnit", "SpO2, mean"),
    "number.pulse_mean": Text("puls, gennemsnit", "pulse, mean"),
    "number.score": Text("score", "score"),
}
