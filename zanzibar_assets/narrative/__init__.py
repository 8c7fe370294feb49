"""Polish market narratives (PMS): parsing and scoring."""
