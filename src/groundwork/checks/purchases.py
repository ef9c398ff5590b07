"""Checks of a log of purchases: repeated rows, a week unlike the others, and articles without features."""

import numpy as np

from groundwork.checks.alarms import Alarm, Check
from groundwork.competitions import Purchases
from groundwork.data.purchases import MISSING, PreparedPurchases

REPEATED, FACTOR, GAP = 0.2, 3.0, 0.2
NO_TABLE = "a log of purchases has no table of features"
FURTHER = (
    "adversarial validation", "same rows across folds", "labels that contradict each other",
    "a column that gives the target away", "an order that predicts", "a shuffled target that is predicted",
)  # fmt: skip


def checks(competition: Purchases, prepared: PreparedPurchases) -> list[Check]:
    """Run the checks that make sense for a log, and say which do not."""
    return [repeated(prepared), weeks(competition, prepared), unknown(competition, prepared)] + [
        Check(name, skipped=NO_TABLE) for name in FURTHER
    ]


def repeated(prepared: PreparedPurchases) -> Check:
    """Look for purchases that the log has several times, and customers that are asked for twice."""
    name, again = "same rows in train and test", float(prepared.purchases.duplicated().mean())
    twice = int(prepared.test["customer"].duplicated().sum())
    measured = {"share of repeated purchases": again, "customers asked for twice": twice}
    if again < REPEATED and not twice:
        return Check(name, measured=measured)
    saw = f"{again:.0%} of the purchases repeat another one of the same day" if again >= REPEATED else ""
    saw = " and ".join(part for part in (saw, f"{twice} customers are asked for twice" if twice else "") if part)
    why = "a log that was joined or written twice counts popularity twice"
    return Check(
        name, Alarm(saw, why, "look at how the log was made; drop repeated rows if they are no quantities"), measured
    )


def weeks(competition: Purchases, prepared: PreparedPurchases) -> Check:
    """Compare the number of purchases in the last span of days with that of the spans before."""
    name, day = "drift of a column", prepared.purchases["day"].to_numpy(int)
    spans = np.bincount((day.max() - day) // competition.days)
    whole = spans[1 : len(spans) - 1] if len(spans) > 3 else spans[1:]
    ratio = float(spans[0] / np.median(whole)) if len(whole) and np.median(whole) else 1.0
    measured = {"last span against the others": ratio}
    if 1 / FACTOR <= ratio <= FACTOR:
        return Check(name, measured=measured)
    return Check(
        name,
        Alarm(
            f"the last {competition.days} days have {ratio:.2f} times the purchases of such a span before",
            "the days that follow are predicted from a span that is cut short, or unlike the others",
            "compare the log's last day with the competition's page; add folds, so that one odd span decides less",
            ("day",),
        ),
        measured,
    )


def unknown(competition: Purchases, prepared: PreparedPurchases) -> Check:
    """Compare how often articles lack a feature in the last span of days and before."""
    day, name = prepared.purchases["day"].to_numpy(int), "missing values"
    last, apart = day > day.max() - competition.days, {}
    for feature in competition.features:
        lacks = (prepared.articles[feature] == MISSING).to_numpy()[prepared.purchases["article"].to_numpy()]
        gap = float(abs(lacks[last].mean() - lacks[~last].mean()))
        if gap >= GAP:
            apart[feature] = gap
    if not apart:
        return Check(name, measured={"columns": 0})
    said = ", ".join(f"{feature} ({gap:.0%})" for feature, gap in apart.items())
    why = "a network that embeds these features learned them on other articles than it recommends"
    return Check(
        name,
        Alarm(
            f"articles of the last days lack other features: {said}",
            why,
            "leave these out of `features` of the competition's file",
            tuple(apart),
        ),
        {"columns": len(apart)},
    )
