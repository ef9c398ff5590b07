"""The documentation as pages: `make docs`. It renders README, guides, lessons and docstrings with Zensical."""
