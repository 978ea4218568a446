"""Rules over readings, the findings they make, and the cases people work with.

Pure: `readings` and `window` (what is looked at), `rules` (formulas), `families` (parameters and
sentences), `rulesets.model`, `context` and `reference` (what is known beside readings), `program`
(a rule set over readings), `told` and `reasons` (findings in words), `reading_table` (CSV); what
the engine judges and what follows, `planning`, `subjects`, `verdicts`, `findings`, `movements`,
`cases`, `replay`; what others ask of the past, `whatif`, `stored_year`, `blocks`, `sweep`. They
take values and return values; import-linter holds them to it.

The database is touched by `history` and the modules whose names end in `_store`, each beside its
queries in a .sql file; the disk by `rulesets.loading` and the commands; the clock and the process
by `service` and the commands.
"""
