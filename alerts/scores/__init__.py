"""Clinical scores: one small pure module for each.

Every module gives a function over arrays, one row per patient, and a function for one patient that
calls it. They know no readings, no database and no rule; `alerts.score_commands` prints them.
TOBS, the Danish municipal early-warning score, is left out: it has no public table.
"""
