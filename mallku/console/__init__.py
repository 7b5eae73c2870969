"""People watch and join: the live view, plain lines and JSON lines of a deliberation, a person's own seat, and the commands."""
