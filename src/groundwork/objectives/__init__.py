"""The kinds of problems (classification, regression, ...), one module each, and their metrics.

A new kind needs a class in a module here, an entry of `KINDS`, and a section for its loss in
`groundwork.sections.losses`.
"""

from groundwork.naming import ByName
from groundwork.objectives.base import Objective
from groundwork.objectives.classification import Classification
from groundwork.objectives.recommendation import Recommendation
from groundwork.objectives.regression import Regression
from groundwork.objectives.search import Search
from groundwork.objectives.tagging import Tagging

KINDS: ByName[type[Objective]] = {
    "classification": Classification,
    "regression": Regression,
    "tagging": Tagging,
    "search": Search,
    "recommendation": Recommendation,
}
