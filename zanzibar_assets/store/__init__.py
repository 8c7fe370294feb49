"""The lake, the manifest, the metadata database and provenance."""
