"""From an idea to a verdict: variants of a lane are trained on its folds and compared with its current settings."""
