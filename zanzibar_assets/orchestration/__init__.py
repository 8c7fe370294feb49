"""The only code that imports dagster."""
