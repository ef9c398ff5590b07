"""What remembers the answer: tracking, evaluation, comparison, report."""
