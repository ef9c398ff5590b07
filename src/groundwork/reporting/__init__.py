"""The report: one self-contained HTML page that compares the experiments of every lane."""
