"""Search: how relevant a document is to a query, a number by which the documents of a query are ranked."""

from dataclasses import dataclass

from groundwork.objectives.regression import Regression


@dataclass(frozen=True)
class Search(Regression):
    """A regression of the relevance; metrics may also judge the order of a query's documents."""

    kind = "search"
    judged_as = ("numbers", "queries")
