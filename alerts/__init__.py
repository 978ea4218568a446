"""Rules over readings, the findings they make, and the cases people work with.

    readings, window, context, reference   what is looked at, and what is known beside it
    rules, families, rulesets, scores      formulas; parameters and sentences; files; scores
    program, told, reasons                 a rule set over readings, and what it found in words
    engine, round                          one round over what came in, and its parts
    answers                                the same for filled-in questionnaires
    adherence, technical, clock            silence and homes in trouble, and what looks for them
    casework                               what cases are told, and what is measured again first
    in_use                                 rule sets and usual levels: published, approved
    past, whatif                           replays, other limits, whole populations

What judges takes values and returns values; import-linter holds it to that. The database is
touched by the engine and by modules whose names end in `store`, `history` among them, each beside
its queries in a .sql file; the disk by `rulesets.loading` and the commands; the clock and the
process by `service`, `clock` and the commands.
"""
