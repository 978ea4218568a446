"""Chores of the people who work on this repository; no service imports them."""
