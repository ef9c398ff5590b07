"""Support for the notebooks: exercises that check themselves, claims, and shipped code next to its comments.

A lesson imports from here and from the library it explains; nothing is copied into a notebook. `exercises/` has a
module for each exercise; `course` handles the lessons as files, `desk` the learner's commands, `apply` runs the
pipeline for a lesson, and `build` makes the notebooks from their sources.
"""

from groundwork.lessons.claims import claim
from groundwork.lessons.desk import check, hint, solution
from groundwork.lessons.exercise import NotAttempted
from groundwork.lessons.figures import show, subplots
from groundwork.lessons.walkthrough import walkthrough

__all__ = ["NotAttempted", "check", "claim", "hint", "show", "solution", "subplots", "walkthrough"]
