"""Lets ``python -m telekol`` stand for ``telekol``."""

from __future__ import annotations

from telekol.cli import main

if __name__ == "__main__":
    main()
