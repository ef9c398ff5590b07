"""From ranges of keys to a verdict: Optuna proposes settings of a lane, the fold store trains them, one is judged."""
