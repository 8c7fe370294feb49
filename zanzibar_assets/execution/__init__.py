"""Orders: gates, journal, the terminal port and its backends."""
