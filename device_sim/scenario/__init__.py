"""Stories: who lives where, what happens when, and what the triage board shall show for it.

`model` says what a story's file may hold, `files` reads it, `timeline` unfolds it into what
happens at which moment, `stage` plays it with radio homes, and `device_sim.fleet` without radio.
"""
