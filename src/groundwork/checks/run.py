"""Runs the checks that suit a competition's layout."""

from collections.abc import Callable
from typing import Any

from groundwork.checks import leaks, purchases, rows, shift
from groundwork.checks.alarms import Check
from groundwork.checks.views import rows_of
from groundwork.competitions import Competition, Labelled
from groundwork.data.prepared import Prepared
from groundwork.data.rows import PreparedRows
from groundwork.naming import ByName


def run(competition: Competition, prepared: Prepared) -> list[Check]:
    """Check prepared data; see `groundwork.checks.alarms.Check`."""
    return LAYOUTS[competition.layout](competition, prepared)


def _of_rows(competition: Labelled, prepared: PreparedRows) -> list[Check]:
    seen = rows_of(competition, prepared)
    return [
        shift.adversarial(seen),
        shift.drift(seen),
        shift.missingness(seen),
        rows.same_rows(seen),
        rows.across_folds(seen),
        rows.contradictions(seen),
        leaks.single_column(seen),
        leaks.order(seen),
        leaks.permuted(seen),
    ]


# By `Competition.layout`.
LAYOUTS: ByName[Callable[[Any, Any], list[Check]]] = {
    "rows": _of_rows,
    "purchases": purchases.checks,
}
