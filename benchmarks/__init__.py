"""Measurements of Tele-KOL; each prints ratios against a reference of the same run."""
