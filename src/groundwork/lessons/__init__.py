"""What the notebooks lean on: exercises that check themselves, claims that hold, shipped code beside its comments.

A lesson imports from here and from the library it explains; nothing is copied into a notebook. `exercises/` holds a
module for each exercise; `course` knows the lessons as files, `desk` what a learner does at them, `apply` the
pipeline as a lesson uses it, and `build` makes the notebooks of their sources.
"""

from groundwork.lessons.claims import claim
from groundwork.lessons.desk import check, hint, solution
from groundwork.lessons.exercise import NotAttempted
from groundwork.lessons.figures import show, subplots
from groundwork.lessons.walkthrough import walkthrough

__all__ = ["NotAttempted", "check", "claim", "hint", "show", "solution", "subplots", "walkthrough"]
