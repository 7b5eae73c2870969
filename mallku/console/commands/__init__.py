"""The commands of `mallku`, one module each; loaded when called."""
