"""What a problem asks of a network, a file for each kind; and the metrics that judge the answers.

A new kind is a class in a file here, an entry of `KINDS`, and the section of its loss in `groundwork.sections.losses`.
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
