"""Rules over windows of readings, the findings they make, and the cases people work with.

Pure: `window`, `rules`, `reasons`, `findings`, `cases`. They take values and return values.
The database is touched by `reading_store`, `finding_store` and `case_store`, each beside its
queries in ``queries.sql``; the clock and the process by `service`.
"""
