"""Who speaks, when, and how it is decided."""
