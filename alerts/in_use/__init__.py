"""Rule sets and usual levels in the database: published, in use by whom, approved."""
