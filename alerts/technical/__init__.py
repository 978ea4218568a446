"""Homes that cannot be heard: what support must know, as findings on the channel ``technical``.

`policy` says how long each trouble must last before it is told and how long it must be gone,
`troubles` judges intervals, `words` writes the sentences; all pure. `store` and `desk` touch the
database.
"""
