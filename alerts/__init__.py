"""Rules over readings, the findings they make, and the cases people work with.

Pure: `readings` and `window` (what is looked at), `rules` (formulas), `families` (parameters and
sentences), `rulesets.model`, `context` and `reference` (what is known beside readings), `program`
(a rule set over readings), `told` and `reasons` (findings in words), `reading_table` (CSV); of the
engine `planning` (what is judged, and again), `subjects`, `verdicts`, `findings`, `movements` (what
cases are told), `cases`, `replay`. They take values and return values, and import-linter watches.

The database is touched by `history`, `engine` and the modules whose names end in `_store`, with
their queries in .sql files; the disk by `rulesets.loading` and the commands; the clock and the
process by `service`.
"""
