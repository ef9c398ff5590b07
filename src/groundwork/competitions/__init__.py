"""The question: what a competition asks, in the words of its archive. One file each beside this one."""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd

from groundwork.errors import UserError, meant

Tables = dict[str, pd.DataFrame | str]


@dataclass(frozen=True)
class Inputs:
    """Which prepared columns a network sees, by how they are encoded.

    Attributes
    ----------
    numeric
        Numbers; missing values allowed.
    categorical
        Text labels; missing values are a label of their own.
    group
        Keys shared by few rows (a ticket, a family): encoded by their size and the target rate of their
        other rows.
    image
        Height and width of a picture whose pixels (0 to 255) are all the feature columns, row by row.
    """

    numeric: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    group: tuple[str, ...] = ()
    image: tuple[int, int] | None = None


@dataclass(frozen=True)
class Competition:
    """Everything that one competition alone knows.

    Attributes
    ----------
    slug
        Kaggle's name for it: the archive's and the rules page's.
    kind
        The problem kind; decides loss and output head.
    metric
        Kaggle's metric, a key of `groundwork.objectives.metrics.METRICS`.
    id, target
        Column names. An id column that the tables lack is numbered from 1.
    columns
        The columns of train.csv in Kaggle's order: `int` (never missing), `float` or `str`. test.csv has the same
        without the target.
    inputs
        The columns a network sees, after `features`.
    sample
        Makes the tables of an archive in Kaggle's layout from a seeded generator: file name -> table, or
        text.
    features
        Row-wise features: each row's result depends on that row alone. It must fit nothing.
    log_target
        Whether the network learns the logarithm of the target.
    stratify
        Whether folds keep the target's distribution (classes, or quantiles of a number).
    group_folds_by
        Column of train.csv whose equal values stay in one fold, or None.
    sample_submission
        Name of the file that shows the submission's format.
    """

    slug: str
    kind: Literal["classification", "regression"]
    metric: str
    id: str
    target: str
    columns: Mapping[str, type]
    inputs: Inputs
    sample: Callable[[np.random.Generator], Tables]
    features: Callable[[pd.DataFrame], pd.DataFrame] = field(default=lambda frame: frame)
    log_target: bool = False
    stratify: bool = True
    group_folds_by: str | None = None
    sample_submission: str = "sample_submission.csv"

    @property
    def files(self) -> tuple[str, str, str]:
        """Names of the files that the archive must hold."""
        return ("train.csv", "test.csv", self.sample_submission)

    @property
    def rules_url(self) -> str:
        """The page on which a person accepts the competition's rules."""
        return f"https://www.kaggle.com/competitions/{self.slug}/rules"


def names() -> list[str]:
    """Names of the competitions that have a file here."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def load(name: str) -> Competition:
    """Load one competition by the name of its file.

    Raises
    ------
    UserError
        If no file of that name lies in `groundwork/competitions/`.
    """
    if name not in names():
        others = meant(name, names()) or f"; there are: {', '.join(names())}"
        raise UserError(
            f"params.yaml: competition: {name}: no file src/groundwork/competitions/{name}.py{others}",
            "mend the name in params.yaml, or write the file (README, “Add a competition”)",
        )
    try:
        competition = importlib.import_module(f"{__name__}.{name}").competition
    except Exception as error:
        # A person writes this file: whatever is wrong with it is theirs to mend.
        raise UserError(
            f"src/groundwork/competitions/{name}.py: cannot be imported: {type(error).__name__}: {error}",
            f"mend the file; `python -c 'import groundwork.competitions.{name}'` shows where",
        ) from error
    if not isinstance(competition, Competition):
        raise UserError(
            f"src/groundwork/competitions/{name}.py: `competition`: found {type(competition).__name__}; "
            "expected a Competition",
            "see titanic.py beside it",
        )
    return competition
