"""Laws of the house: what holds for the whole repository."""
