"""Which models are here: files on disk, local servers, and what is known about each."""
