"""How many alarms, and how good: rule sets over simulated patients whose truth is known.

`python -m benchmarks.evidence` writes docs/evidence. It may import the simulator and the rules,
which know nothing of each other; neither may import this.
"""
