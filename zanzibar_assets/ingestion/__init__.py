"""Sierra Chart files and narratives in, typed frames out. Pure: no dagster."""
