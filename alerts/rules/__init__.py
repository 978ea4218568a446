"""One module per family of rules; each is a pure function over a window and per-row parameters.

A rule takes windows and parameters of one number a row, and gives a `judging.Judgement`:
severity, score and evidence, one of each a row. It reads no clock, no database and no settings,
so the same function judges one arriving reading, replays a year and sweeps a population.

`absolute_limits` is used by the engine. The others are not used by the engine yet: `baseline`,
`trend`, `change`, `charts`, `composite` and `relative_limits` stand here with their tests, and
nothing that a clinician sees comes from them.
"""
