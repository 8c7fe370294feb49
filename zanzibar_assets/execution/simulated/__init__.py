"""A simulated MetaTrader 5 terminal: the module's surface over recorded quotes."""
