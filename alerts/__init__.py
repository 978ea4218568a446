"""Rules over readings, the findings they make, and the cases people work with.

Pure: `readings` and `window` (what is looked at), `rules` (formulas), `families` (parameters and
sentences), `rulesets.model`, `context` and `reference` (what is known beside readings), `program`
(a rule set over readings), `told` and `reasons` (findings in words), `reading_table` (CSV),
`findings`, `cases`. They take values and return values.

The database is touched by `reading_store`, `finding_store` and `case_store`, each beside its
queries in ``queries.sql``; the disk by `rulesets.loading` and the commands; the clock and the
process by `service`.
"""
