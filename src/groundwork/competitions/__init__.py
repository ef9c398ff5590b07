"""The question: what a competition asks, in the words of its archive. One file each beside this one."""

import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import pandas as pd

from groundwork.errors import UserError, meant
from groundwork.objectives.base import Task

Tables = dict[str, pd.DataFrame | str]
Columns = Mapping[str, type]


@dataclass(frozen=True)
class Pair:
    """Columns of a query and of the document that it is held against.

    Attributes
    ----------
    query
        What was typed.
    document
        The document's id: its rows share the fields.
    fields
        Texts of the document, the one that names it first.
    """

    query: str
    document: str
    fields: tuple[str, ...]


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
    text
        A column of prose.
    pair
        A query and a document.
    """

    numeric: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    group: tuple[str, ...] = ()
    image: tuple[int, int] | None = None
    text: str | None = None
    pair: Pair | None = None

    @property
    def encodings(self) -> list[str]:
        """The values of ``encoding.inputs`` in params.yaml that suit them: one, unless they are mixed as none reads."""
        table = (*self.numeric, *self.categorical, *self.group)
        named = {"image": self.image, "text": self.text, "pair": self.pair, "table": table}
        given = [name for name, columns in named.items() if columns] or ["table"]
        return ["table+text"] if given == ["text", "table"] else given

    @property
    def labels(self) -> tuple[str, ...]:
        """The columns of text."""
        pair = (self.pair.query, self.pair.document, *self.pair.fields) if self.pair else ()
        return (*self.categorical, *self.group, *((self.text,) if self.text else ()), *pair)


@dataclass(frozen=True, kw_only=True)
class Competition(ABC):
    """What every competition says of itself.

    Attributes
    ----------
    slug
        Kaggle's name for it: the archive's and the rules page's.
    kind
        The kind of problem, a key of `groundwork.objectives.KINDS`: it decides legal targets, loss, predictions and
        what is handed in.
    metric
        Kaggle's metric, a key of `groundwork.objectives.metrics.METRICS`.
    further_metrics
        More of them, which the evaluation adds.
    id
        The column that a submission is matched by.
    sample
        Makes the tables of an archive in Kaggle's layout from a seeded generator: file name -> table, or
        text.
    sample_submission
        Name of the file that shows the submission's format.
    charset
        How those of the archive's tables are written that are not UTF-8.
    layout
        How its tables lie in the archive: a key of `groundwork.data.load.LOAD`.
    by_time
        Whether folds follow one another in time, and a model trained on everything predicts.
    """

    layout: ClassVar[str]
    by_time: ClassVar[bool] = False

    slug: str
    kind: str
    metric: str
    further_metrics: tuple[str, ...] = ()
    id: str
    sample: Callable[[np.random.Generator], Tables]
    sample_submission: str = "sample_submission.csv"
    charset: str = "utf-8"

    @property
    @abstractmethod
    def files(self) -> tuple[str, ...]:
        """Names of the files that the archive must hold."""

    @property
    @abstractmethod
    def task(self) -> Task:
        """What it tells its kind: names of prepared columns, and how answers are read."""

    @property
    @abstractmethod
    def encodings(self) -> tuple[str, ...]:
        """The values of ``encoding.inputs`` in params.yaml that suit its tables: one, unless inputs are mixed."""

    @property
    def encoding(self) -> str:
        """The value of ``encoding.inputs`` in params.yaml that suits its tables."""
        return self.encodings[0]

    @property
    def rules_url(self) -> str:
        """The page on which a person accepts the competition's rules."""
        return f"https://www.kaggle.com/competitions/{self.slug}/rules"


@dataclass(frozen=True, kw_only=True)
class Labelled(Competition):
    """A competition with labelled rows in train.csv, and rows to label in test.csv.

    Attributes
    ----------
    targets
        The columns to predict: one, or each tag's.
    columns
        The columns of train.csv in Kaggle's order: `int` (never missing), `float` or `str`. test.csv has the same
        without the targets. An id column that they lack is numbered from 1.
    inputs
        The columns a network sees, after `features`.
    optional
        Further tables that the archive may hold: file name -> columns.
    join
        Adds to the rows what the optional tables say; called with those that were there, by file name.
    features
        Row-wise features: each row's result depends on that row alone. It must fit nothing.
    log_target
        Whether the network learns the logarithm of the target.
    stratify
        Whether folds keep the target's distribution (classes, quantiles of a number, shares of tags).
    group_folds_by
        Column of train.csv whose equal values stay in one fold, or None.
    query
        Column of train.csv whose equal values are ranked among each other, or None. `inputs.pair` names it by itself.
    """

    layout = "rows"

    targets: tuple[str, ...]
    columns: Columns
    inputs: Inputs
    optional: Mapping[str, Columns] = field(default_factory=dict)
    join: Callable[[pd.DataFrame, Mapping[str, pd.DataFrame]], pd.DataFrame] = field(default=lambda frame, _: frame)
    features: Callable[[pd.DataFrame], pd.DataFrame] = field(default=lambda frame: frame)
    log_target: bool = False
    stratify: bool = True
    group_folds_by: str | None = None
    query: str | None = None

    @property
    def files(self) -> tuple[str, ...]:
        """Names of the files that the archive must hold."""
        return ("train.csv", "test.csv", self.sample_submission)

    @property
    def pixels(self) -> list[str]:
        """The columns of a picture, where `inputs` say that there is one: all that are nothing else."""
        others = (self.id, *self.targets, self.group_folds_by, self.query)
        return [name for name in self.columns if name not in others]

    @property
    def task(self) -> Task:
        """What it tells its kind."""
        query = self.inputs.pair.query if self.inputs.pair else self.query
        return Task(id=self.id, targets=self.targets, query=query, groups=self.group_folds_by, log=self.log_target)

    @property
    def encodings(self) -> tuple[str, ...]:
        """The values of ``encoding.inputs`` in params.yaml that suit its columns."""
        return tuple(self.inputs.encodings)


@dataclass(frozen=True, kw_only=True)
class Purchases(Competition):
    """A competition with a log of who bought what and when, which asks what each customer buys next.

    Attributes
    ----------
    transactions, articles, customers
        Names of the three tables. The column `id` names the customer in all of them.
    date, article
        Columns of the log: the day, as in 2020-09-22, and the article's id, which `articles` has too.
    features
        Columns of `articles` whose values a network embeds.
    shown
        Columns of `articles` that tell a person what an article is.
    days
        How far ahead the answer reaches.
    answers
        How many articles are named for each customer.
    """

    layout = "purchases"
    by_time = True

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
    def files(self) -> tuple[str, ...]:
        """Names of the files that the archive must hold."""
        return (self.transactions, self.articles, self.customers, self.sample_submission)

    @property
    def task(self) -> Task:
        """What it tells its kind."""
        return Task(id="customer", answers=self.answers)

    @property
    def encodings(self) -> tuple[str, ...]:
        """The value of ``encoding.inputs`` in params.yaml that suits a log."""
        return ("history",)


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
