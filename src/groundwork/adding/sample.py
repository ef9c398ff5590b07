"""Writes a function that makes a small synthetic archive of the columns' marginals, for tests without an account."""

import re
from collections import Counter

import numpy as np
import pandas as pd

from groundwork.adding.competition_file import WIDTH, filled, quoted
from groundwork.adding.proposal import Proposal
from groundwork.errors import UserError

TRAIN_ROWS, TEST_ROWS = 300, 100
STEPS = 5  # quantiles of a number
MOST_LABELS, MOST_WORDS = 30, 12


def source(proposal: Proposal) -> str:
    """Return the source of the columns' marginals and of the function `sample`.

    Raises
    ------
    UserError
        If the columns are pixels.
    """
    if proposal.joined:
        files = ", ".join(relation.file for relation in proposal.joined)
        problem = f"--sample: {files} are joined to the rows; expected a single table"
        raise UserError(problem, "leave --sample away, and write `sample` by hand as in product_search.py")
    if proposal.image:
        problem = "--sample: the columns are pixels; expected a table"
        raise UserError(problem, "leave --sample away, and write `sample` by hand as in digit_recognizer.py")
    found, goal = proposal.found, proposal.target
    train, test, key = found.train, found.test, goal.id
    shared = [str(name) for name in train if name in test and name != key]
    only_train = [str(name) for name in train if name not in test and name != key]
    lines = ["# Shares and quantiles of Kaggle's columns, each by itself.", "COLUMNS = {"]
    for name in (*shared, *only_train):
        values = pd.concat([train[name], test[name]]) if name in test else train[name]
        lines += _entry(name, values)
    stop = TRAIN_ROWS + TEST_ROWS + 1
    ids = f"test[{quoted(key)}]" if key in test else f"np.arange(1, {TEST_ROWS + 1})"
    blank = {str(found.sample.columns[0]): ids}
    blank |= {str(name): _value(found.sample[name].iloc[0]) for name in found.sample.columns[1:]}
    given = {found.files.train: "train", found.files.test: "test", found.files.sample: "handed_in"}
    if found.files.targets:
        given[found.files.train] = "train.drop(columns=targets)"
        given[found.files.targets] = f"train[[{quoted(key)}, *targets]]" if found.files.by_key else "train[targets]"
    apart = [quoted(name) for name in goal.targets] if found.files.targets else []
    lines += [
        "}  # fmt: skip",
        "",
        "",
        "def sample(rng: np.random.Generator) -> Tables:",
        '    """Draw each column by itself: enough to test the pipeline, too little to mean anything."""',
        f"    train = table(rng, {TRAIN_ROWS}, COLUMNS)",
        f"    test = table(rng, {TEST_ROWS}, COLUMNS)",
        *_list("    test = test.drop(columns=", [quoted(name) for name in only_train], ")"),
        *([f"    train.insert(0, {quoted(key)}, np.arange(1, {TRAIN_ROWS + 1}))"] if key in train else []),
        *([f"    test.insert(0, {quoted(key)}, np.arange({TRAIN_ROWS + 1}, {stop}))"] if key in test else []),
        "    handed_in = pd.DataFrame(",
        "        {",
        *(f"            {quoted(name)}: {value}," for name, value in blank.items()),
        "        }",
        "    )",
        *(_list("    targets = ", apart, "") if apart else []),
        "    return {",
        *(f"        {quoted(name)}: {value}," for name, value in given.items()),
        "    }",
    ]
    return "\n".join(lines)


def _list(start: str, values: list[str], end: str) -> list[str]:
    one = f"{start}[{', '.join(values)}]{end}"
    return [one] if len(one) <= WIDTH else [f"{start}[", *(f"        {value}," for value in values), f"    ]{end}"]


def _entry(name: str, values: pd.Series) -> list[str]:
    known = values.dropna()
    share = round(1 - len(known) / len(values), 3)
    missing = f", missing={share}" if share else ""
    if pd.api.types.is_numeric_dtype(known) and known.nunique() > 2 and len(known):
        numbers = [float(f"{number:.4g}") for number in np.quantile(known, np.linspace(0, 1, STEPS))]
        whole = bool((known % 1 == 0).all())
        shown = ", ".join(f"{number:.0f}" if whole else repr(number) for number in numbers)
        argument = f"quantiles=({shown}){', whole=True' if whole else ''}"
    elif known.nunique() > MOST_LABELS and known.astype("str").str.count(r"\S+").mean() > 3:
        words = Counter(word for text in known[:500] for word in re.findall(r"[a-z]{2,}", str(text).lower()))
        argument = f"words={quoted(' '.join(word for word, _ in words.most_common(MOST_WORDS)) or 'a')}"
    else:
        shares = known.astype("str").value_counts(normalize=True)[:MOST_LABELS]
        labels = [f"{quoted(str(label))}: {part:.3g}" for label, part in shares.items()] or ['"": 1']
        argument = f"labels={{{', '.join(labels)}}}"
        if len(name) + len(argument) + len(missing) + 20 > WIDTH:
            return [f"    {quoted(name)}: Marginal(labels={{", *filled(labels, " " * 8), f"    }}{missing}),"]
    return [f"    {quoted(name)}: Marginal({argument}{missing}),"]


def _value(value: object) -> str:
    return quoted(value) if isinstance(value, str) else repr(getattr(value, "item", lambda: value)())
