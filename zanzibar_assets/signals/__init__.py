"""Raw signals from rules and models, and the aggregator."""
