"""Named queries from commented .sql files.

A file holds queries headed by ``-- name: purpose``. SQL is then read and reviewed as SQL,
and Python only names it. The purpose is required: a query nobody can explain is not kept.
"""

from __future__ import annotations

import re
from importlib import resources
from typing import Final

_HEAD: Final = re.compile(r"^-- (\w+): (.+)$", re.MULTILINE)


def load(package: str, file: str) -> dict[str, bytes]:
    """Read a file of named queries that is shipped inside `package`.

    They come as bytes, which psycopg takes as a finished query; as text, its types would
    rightly suspect one put together at run time.

    Raises
    ------
    ValueError
        If it holds no query, or two of one name.
    """
    text = resources.files(package).joinpath(file).read_text(encoding="utf-8")
    parts = _HEAD.split(text)[1:]
    names = parts[0::3]
    if not names or len(set(names)) != len(names):
        raise ValueError(
            f"{package}/{file} must hold queries headed '-- name: purpose', each name once; "
            f"found {names}"
        )
    return dict(zip(names, (body.strip().encode() for body in parts[2::3]), strict=True))
