"""Texts of what physicians decide: rule sets, what is usual, evidence. A part of `texts`."""

from __future__ import annotations

from typing import Final

from clinician_api.language import Text

PHYSICIAN: Final[dict[str, Text]] = {}
