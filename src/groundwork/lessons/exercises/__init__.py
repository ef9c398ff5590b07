"""One module for each exercise; each names its `groundwork.lessons.exercise.Exercise` ``EXERCISE``."""
