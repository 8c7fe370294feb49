"""One file a command of the zanzibar command line."""
