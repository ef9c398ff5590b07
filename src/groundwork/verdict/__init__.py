"""Whether a difference between two predictors is more than luck: resampled metrics, and the verdict."""
