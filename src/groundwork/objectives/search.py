"""Search: predicts how relevant a document is to a query; the documents of a query are ranked by it."""

from dataclasses import dataclass

from groundwork.objectives.regression import Regression


@dataclass(frozen=True)
class Search(Regression):
    """Regression of the relevance; metrics may also score the order of a query's documents."""

    kind = "search"
    judged_as = ("numbers", "queries")
