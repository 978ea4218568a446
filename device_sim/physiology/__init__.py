"""People with COPD as numbers: levels, rhythms, episodes, symptoms, habits, and their truth.

Owns the model behind every simulated reading. Pure: numpy arrays and times in, arrays out. Must
not know devices, homes, files or the wall clock.

Time inside is whole seconds since local midnight of the first day, by the patient's own wall
clock: rhythms and habits follow the clock on the wall, also in the night it is changed.

Invariants
----------
1. Every number is a function of the seed, the patient's name, the quantity and the moment, so the
   order of questions changes nothing, nor does another patient or a longer period.
2. The truth is known beside every reading: the level without scatter, and what disturbed it.
3. Every constant that comes from the literature says from where; the others say that they are
   our own choice (docs/simulator.md has the table).
"""
