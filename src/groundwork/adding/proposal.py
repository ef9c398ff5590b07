"""Puts together what was found out about an archive, as the proposal for a competition file and a lane."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from groundwork.adding import columns, relations, splits, target
from groundwork.adding.columns import Column
from groundwork.adding.files import Found
from groundwork.adding.kind import Guess
from groundwork.adding.relations import Relation
from groundwork.adding.splits import Split
from groundwork.adding.target import Target
from groundwork.errors import UserError

SIDE = (8, 512)  # pixels
OF_LOGARITHMS = ("rmse_log", "rmsle")  # metrics


@dataclass(frozen=True)
class Proposal:
    """What `groundwork add` is about to write.

    Attributes
    ----------
    slug, lane, module
        Kaggle's name, the lane's key in params.yaml, the competition's module.
    found
        The archive and its tables.
    target
        What is predicted.
    columns
        What each other column is.
    split
        How folds are made.
    image
        Height and width, where the columns are the pixels of a picture.
    joined
        Further tables that are joined.
    unread
        Further tables that are not, and why.
    """

    slug: str
    lane: str
    module: str
    found: Found
    target: Target
    columns: tuple[Column, ...]
    split: Split
    image: tuple[int, int] | None = None
    joined: tuple[Relation, ...] = ()
    unread: Mapping[str, str] = field(default_factory=dict)

    def of(self, *roles: str) -> list[Column]:
        """Return the columns with one of `roles`, without the one that groups the folds."""
        return [column for column in self.columns if column.role in roles and column.name != self.split.group]

    @property
    def texts(self) -> list[Column]:
        """Return the texts that a network reads; short ones only beside a long one, or where there is nothing else."""
        long, short = self.of("text"), self.of("short text")
        if long:
            return long + short
        return [] if any(column.is_read for column in self.columns) else short

    @property
    def learns_logarithm(self) -> bool:
        """Return whether the network learns the logarithm of the target: the metric takes it, and it exists."""
        if self.target.metric.value not in OF_LOGARITHMS or self.target.kind.value != "regression":
            return False
        return bool((self.found.train[list(self.target.targets)].min() > 0).all())

    @property
    def inputs(self) -> str:
        """Return the value of ``encoding.inputs``."""
        if self.image:
            return "image"
        table = any(column.is_read and column.role != "text" for column in self.of(*columns.READ))
        return ("table+text" if table else "text") if self.texts else "table"


def propose(
    slug: str,
    lane: str,
    module: str,
    found: Found,
    *,
    row_id: str | None = None,
    targets: Sequence[str] = (),
    kind: str | None = None,
    metric: Guess | None = None,
) -> Proposal:
    """Find out everything about an archive; the arguments name what is not to be guessed.

    Raises
    ------
    UserError
        If there is no target, or no column to predict it from.
    """
    goal = target.find(found, row_id=row_id, targets=targets, kind=kind, metric=metric)
    left_out = (goal.id, *goal.targets)
    image = _pixels(found, left_out)
    related, unread = relations.find(found, goal.targets)
    if image:
        return Proposal(slug, lane, module, found, goal, (), Split(None, None, "pictures"), image, unread=unread)
    train, test = relations.joined(found.train, related), relations.joined(found.test, related)
    keys = [relation.key for relation, _ in related]
    described = tuple(columns.describe(train, test, left_out, keys))
    if goal.id in train and goal.id in test and (day := columns.moment(goal.id, train[goal.id], test[goal.id])):
        described = (day, *described)
    split = splits.find(train, test, described)
    joined = tuple(relation for relation, _ in related)
    proposal = Proposal(slug, lane, module, found, goal, described, split, joined=joined, unread=unread)
    if not proposal.texts and not any(column.is_read for column in proposal.of(*columns.READ)):
        left = "; ".join(f"{column.name} ({column.role}: {column.reason})" for column in described[:10])
        raise UserError(
            f"{found.archive}: found no column to predict {', '.join(goal.targets)} from{left and f': {left}'}; "
            "expected numbers, categories, dates or texts that training and test rows have",
            "name other files (`--train FILE`, `--test FILE`), or write it by hand (docs/competitions.md)",
        )
    return proposal


def _pixels(found: Found, left_out: Sequence[str]) -> tuple[int, int] | None:
    """Return height and width if all columns are whole numbers from 0 to 255 that make a square."""
    names = [str(name) for name in found.train if name not in left_out]
    side = round(len(names) ** 0.5)
    if (
        side * side != len(names)
        or not SIDE[0] <= side <= SIDE[1]
        or any(found.types[name] is not int for name in names)
    ):
        return None
    values = found.train[names].to_numpy()
    return (side, side) if values.min() >= 0 and 200 <= values.max() <= 255 else None
