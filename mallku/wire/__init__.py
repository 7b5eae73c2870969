"""Other people's formats, translated: pure functions and small incremental readers, no network."""
