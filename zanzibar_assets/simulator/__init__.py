"""A seeded market simulator that writes Sierra Chart files and narratives."""
