"""Defines what a competition declares about its tables, inputs and metric. Each competition has its own module here."""

import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd

from groundwork.competitions._inputs import Inputs as Inputs
from groundwork.competitions._inputs import Pair as Pair
from groundwork.errors import UserError, meant
from groundwork.objectives.base import Task
from groundwork.objectives.metrics import Metric, is_positive, metric_of, needs_of

Tables = dict[str, pd.DataFrame | str]
Columns = Mapping[str, type]


@dataclass(frozen=True, kw_only=True)
class Competition(ABC):
    """Base class of the declarations of all competitions.

    Attributes
    ----------
    slug
        Kaggle's name of the competition in the addresses of its archive and its rules page.
    kind
        The kind of problem, a key of `groundwork.objectives.KINDS`, which decides allowed targets, loss, predictions
        and the columns of the submission.
    metric
        Kaggle's metric: a key of `groundwork.objectives.metrics.METRICS`, or the competition's own, made by
        ``Metric.of(function, ...)``.
    further_metrics
        Additional metrics to evaluate, as `metric`.
    id
        The id column of the submission.
    sample
        Function that makes the tables of an archive in Kaggle's layout from a seeded generator: file name -> table or
        text. Or None: then the lane needs `source: kaggle`.
    sample_submission
        Name of the sample submission in the archive.
    charset
        Character encoding of the tables that are not in UTF-8.
    gate
        Reasons why what the gate suspects is right, by suspicion: ``constant`` (a column with a single value) or
        ``shift`` (test predictions unlike the out-of-fold ones). `groundwork submit` then hands the file in.
    layout
        The layout of its tables, a key of `groundwork.data.load.LOAD`.
    """

    layout: ClassVar[str]

    slug: str
    kind: str
    metric: str | Metric
    further_metrics: tuple[str | Metric, ...] = ()
    id: str
    sample: Callable[[np.random.Generator], Tables] | None = None
    sample_submission: str = "sample_submission.csv"
    charset: str = "utf-8"
    gate: Mapping[Literal["constant", "shift"], str] = field(default_factory=dict)

    @property
    def scorer(self) -> Metric:
        """Return the metric itself."""
        return metric_of(self.metric)

    @property
    def by_time(self) -> bool:
        """Whether folds are consecutive periods of time, and the network that predicts is trained on all rows."""
        return False

    @property
    @abstractmethod
    def files(self) -> tuple[str, ...]:
        """Return the names of the files that the archive must contain."""

    @property
    @abstractmethod
    def task(self) -> Task:
        """Return what its kind needs to know: names of prepared columns, and how to read answers."""

    @property
    @abstractmethod
    def encodings(self) -> tuple[str, ...]:
        """Return the values of ``encoding.inputs`` in params.yaml that match its tables, mostly one."""

    @property
    def encoding(self) -> str:
        """Return the value of ``encoding.inputs`` in params.yaml that matches its tables."""
        return self.encodings[0]

    @property
    def rules_url(self) -> str:
        """Return the address of the page on which users accept the competition's rules."""
        return f"https://www.kaggle.com/competitions/{self.slug}/rules"


@dataclass(frozen=True, kw_only=True)
class Labelled(Competition):
    """A competition with labelled rows in train.csv, and rows to label in test.csv.

    Attributes
    ----------
    targets
        The columns to predict: one, or one for each tag.
    types
        The types of columns: `int` (never missing), `float` or `str`. They must exist; others are inferred from the
        training and test tables together. An image's columns must all be declared.
    train, test
        Names of the two tables in the archive. The test table has the same columns without the targets. If the training
        table has no id column, its rows are numbered from 1; if both have none, the test rows have the ids of the
        sample submission, in its order.
    train_targets
        Name of the table with the targets, if the training table lacks them: one row for each id, or nothing but the
        targets of each training row, in their order. Or None.
    classes
        The labels of ordered classes, from the lowest to the highest. Empty if their order has no meaning.
    inputs
        The columns that a network reads, after `features`.
    optional
        Tables that the archive may also contain: file name -> columns.
    join
        Function that joins the rows with the optional tables; called with those that exist, by file name.
    features
        Function that makes row-wise features from the id and all columns but the targets: each row's result depends
        only on that row, or on the rows with an equal key in `inputs.group`. It must not fit anything, and must return
        the same rows in the same order.
    log_target
        Whether the network learns the logarithm of the target.
    stratify
        Whether folds are stratified by the target (classes, quantiles of a number, shares of tags).
    group_folds_by
        Column of train.csv; rows with equal values stay in one fold. Or None.
    fold_by_time
        Column of train.csv with dates or numbers that grow with time; folds are then consecutive spans of it, each
        validated by a network that is trained on the rows before, and not stratified. Or None.
    time_format
        The format of these dates, such as ``%d/%m/%Y``. Needed where day and month could be either way round.
    query
        Column of train.csv; rows with equal values are ranked together. Or None; `inputs.pair` has its own query.
    """

    layout = "rows"

    targets: tuple[str, ...]
    inputs: Inputs
    types: Columns = field(default_factory=dict)
    train: str = "train.csv"
    test: str = "test.csv"
    train_targets: str | None = None
    classes: tuple[Any, ...] = ()
    optional: Mapping[str, Columns] = field(default_factory=dict)
    join: Callable[[pd.DataFrame, Mapping[str, pd.DataFrame]], pd.DataFrame] = field(default=lambda frame, _: frame)
    features: Callable[[pd.DataFrame], pd.DataFrame] = field(default=lambda frame: frame)
    log_target: bool = False
    stratify: bool = True
    group_folds_by: str | None = None
    fold_by_time: str | None = None
    time_format: str | None = None
    query: str | None = None

    @property
    def by_time(self) -> bool:
        """Whether folds are consecutive periods of time."""
        return self.fold_by_time is not None

    @property
    def files(self) -> tuple[str, ...]:
        """Return the names of the files that the archive must contain."""
        apart = (self.train_targets,) if self.train_targets else ()
        return (self.train, self.test, *apart, self.sample_submission)

    @property
    def pixels(self) -> list[str]:
        """Return the pixel columns of an image: all columns without another purpose."""
        others = (self.id, *self.targets, self.group_folds_by, self.fold_by_time, self.query)
        return [name for name in self.types if name not in others]

    @property
    def task(self) -> Task:
        """Return what the kind of problem needs to know."""
        query = self.inputs.pair.query if self.inputs.pair else self.query
        return Task(
            id=self.id,
            targets=self.targets,
            query=query,
            groups=self.group_folds_by,
            log=self.log_target,
            needs=needs_of(self.metric),
            positive=is_positive(self.metric),
            classes=self.classes,
        )

    @property
    def encodings(self) -> tuple[str, ...]:
        """Return the values of ``encoding.inputs`` in params.yaml that match its columns."""
        return tuple(self.inputs.encodings)


@dataclass(frozen=True, kw_only=True)
class Purchases(Competition):
    """A competition with a log of purchases, whose task is to predict what each customer buys next.

    Attributes
    ----------
    transactions, articles, customers
        Names of the three tables. The column `id` names the customer in all of them.
    date, article
        Columns of the log: the day, such as 2020-09-22, and the article's id, which is also a column of `articles`.
    features
        Columns of `articles` whose values a network embeds.
    shown
        Columns of `articles` that describe an article to users.
    days
        Number of days to predict.
    answers
        Number of articles to predict for each customer.
    """

    layout = "purchases"

    transactions: str
    articles: str
    customers: str
    date: str
    article: str
    features: tuple[str, ...]
    shown: tuple[str, ...]
    days: int = 7
    answers: int = 12

    @property
    def by_time(self) -> bool:
        """Return True: folds are spans of days."""
        return True

    @property
    def files(self) -> tuple[str, ...]:
        """Return the names of the files that the archive must contain."""
        return (self.transactions, self.articles, self.customers, self.sample_submission)

    @property
    def task(self) -> Task:
        """Return what the kind of problem needs to know."""
        return Task(id="customer", answers=self.answers)

    @property
    def encodings(self) -> tuple[str, ...]:
        """Return the value of ``encoding.inputs`` in params.yaml that matches a log."""
        return ("history",)


def names() -> list[str]:
    """Return the names of the competitions that have a module in this package."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))


def load(name: str) -> Competition:
    """Load a competition by the name of its module.

    Raises
    ------
    UserError
        If `groundwork/competitions/` has no such file, or the file cannot be imported or declares no competition.
    """
    if name not in names():
        hint = meant(name, names()) or f"; found: {', '.join(names())}"
        raise UserError(
            f"params.yaml: competition: {name}: no file src/groundwork/competitions/{name}.py{hint}",
            "fix the name in params.yaml, or write the file (README, “Add a competition”)",
        )
    try:
        competition = importlib.import_module(f"{__name__}.{name}").competition
    except Exception as error:
        # Users write this file, so every error in it is theirs to fix.
        raise UserError(
            f"src/groundwork/competitions/{name}.py: cannot be imported: {type(error).__name__}: {error}",
            f"fix the file; `python -c 'import groundwork.competitions.{name}'` shows where",
        ) from error
    if not isinstance(competition, Competition):
        raise UserError(
            f"src/groundwork/competitions/{name}.py: `competition`: found {type(competition).__name__}; "
            "expected a Competition",
            "see titanic.py in the same folder",
        )
    return competition
