"""Who can sit down: one module per kind of participant, and the wrappers around them."""
