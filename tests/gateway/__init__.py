"""Tests of the home gateway."""
