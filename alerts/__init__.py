"""Rules over readings, the findings they make, and the cases people work with.

Pure: the rules and what leads to and from them, `readings`, `rules`, `families`, `rulesets`,
`program`, `told`; what the engine judges and what follows, `planning`, `subjects`, `verdicts`,
`findings`, `movements`, `cases`, `replay`. They take values and return values; import-linter holds
them to it. The database is touched by `history` and the modules whose names end in `_store`, each
beside its queries in a .sql file; the clock and the process by `service` and the commands.
"""
