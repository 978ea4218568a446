"""HTTP for people: the triage board, the patient's page and a thin JSON API beside them.

Reads what ingest and alerts have stored, and writes only what a person does: acknowledging a
case, and taking that back. Imports telekol and alerts; nobody imports this.
"""
