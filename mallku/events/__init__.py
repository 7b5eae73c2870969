"""What happened: typed events, the bus that carries them, and how they are written down."""
