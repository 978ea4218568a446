"""Silence is never green: what was asked of a patient by when, and what came.

`schedule` says when things were due, `judging` what is missing at a moment, `catching_up` which
statements follow since the last one, `words` how they read; all pure. `store` and `desk` touch the
database. `reminders` asks the home before a deadline.
"""
