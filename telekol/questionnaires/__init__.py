"""Questionnaires: versioned files of questions and branches, and the pure walk through them.

They stand in `telekol` because a home shows them and the server judges them. Nothing here loads a
server library.
"""
