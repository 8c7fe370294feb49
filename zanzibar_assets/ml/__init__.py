"""Labels, features, models, validation and explanation."""
