"""One module per family of rules; each is a pure function over a window and per-row parameters.

A rule takes windows and parameters of one number a row, and gives a `judging.Judgement`:
severity, score and evidence, one of each a row. It reads no clock, no database and no settings,
so the same function judges one arriving reading, replays a year and sweeps a population.

A rule knows neither files nor sentences: `alerts.families` has its parameters as a rule set
writes them and what it says to people, and `alerts.program` uses it.
"""
