"""Writes the text of a lane for params.yaml."""

from dataclasses import dataclass
from typing import Any

from groundwork.adding.defaults import FOLDS, WEIGHED_BY, defaults, trees_by_size
from groundwork.adding.flow import flow, wrapped
from groundwork.adding.proposal import OF_LOGARITHMS, Proposal

# What a lane inherits where params.yaml has the anchor, and writes out where it has not.
SHARED: dict[str, dict[str, Any]] = {
    "table_encoding": {"inputs": "table", "clip": 0.01, "min_category_count": 5, "group_smoothing": 1.0},
    "fnn": {
        "network": "fnn", "backend": "torch", "members": 4, "width": 128, "depth": 2, "bins": 8, "embedding": 6,
        "category_scale": 0.05, "dropout": 0.2,
    },
    "training": {
        "folds": "all", "seeds": 1, "epochs": 20, "batch_size": 128, "accumulate_grad_batches": 1,
        "optimizer": {"name": "adamw", "betas": [0.9, 0.999], "eps": 1e-8}, "learning_rate": 0.004,
        "weight_decay": 0.02, "schedule": "cosine", "warmup": 0.1, "gradient_clip": 1.0, "weight_averaging": 0.0,
        "early_stopping": None, "max_time": None, "callbacks": [],
    },
}  # fmt: skip
LOSSES: dict[str, dict[str, Any]] = {
    "classification": {"loss": "cross_entropy", "label_smoothing": 0.0},
    "tagging": {"loss": "binary_cross_entropy", "label_smoothing": 0.0},
    "regression": {"loss": "smooth_l1", "beta": 1.0},
    "search": {"loss": "smooth_l1", "beta": 10.0},
}
CLASSES = ("classification", "tagging")
# Where the metric has a loss of its own.
LOSSES_OF_METRICS: dict[str, dict[str, Any]] = {
    "mae": {"loss": "absolute_error"},
    "median_ae": {"loss": "absolute_error"},
    "mape": {"loss": "absolute_error"},
    "smape": {"loss": "absolute_error"},
    "poisson_deviance": {"loss": "poisson"},
}
RNN = {
    "network": "rnn", "embedding": 64, "width": 32, "token_dropout": 0.1, "channel_dropout": 0.3, "dropout": 0.5,
    "shrinkage": 300, "wide_learning_rate": 1.0,
}  # fmt: skip
TEXT_TRAINING = {"learning_rate": 0.005, "weight_decay": 0.01, "gradient_clip": 5.0}


Pairs = list[tuple[str, str]]


@dataclass(frozen=True)
class Lanes:
    """What `add` writes into params.yaml.

    Attributes
    ----------
    texts
        The lines of each lane, by its name.
    blends
        Each blend as YAML in flow style, by its name.
    """

    texts: dict[str, str]
    blends: dict[str, str]

    @property
    def answer(self) -> str:
        """Return the name of what is handed in: the blend if there is one, else the lane."""
        return next(iter({**self.blends, **self.texts}))


def lanes(proposal: Proposal, anchors: set[str], indent: str, *, has_sample: bool = False) -> Lanes:
    """Return the lane, and for a table a second one with boosted trees and the weighted mean of both."""
    name = proposal.lane
    pairs = {name: source(proposal, anchors, has_sample=has_sample)}
    blends = {}
    if proposal.inputs == "table":
        pairs[f"{name}-trees"] = _of_trees(proposal, pairs[name])
        blends[f"{name}-mean"] = flow({"members": [name, f"{name}-trees"], "method": WEIGHED_BY})
    return Lanes({lane: text(lane, of, indent) for lane, of in pairs.items()}, blends)


def _of_trees(proposal: Proposal, network: Pairs) -> Pairs:
    """Return the lane `network` with boosted trees in place of the network."""
    found, goal = proposal.found, proposal.target
    classes = int(found.train[goal.targets[0]].nunique()) if goal.kind.value == "classification" else 0
    columns = sum(column.is_read for column in proposal.columns)
    own = {
        "model": flow(trees_by_size(len(found.train), columns, classes)),
        "objective": flow(_loss_of_trees(_loss(proposal))),
        "training": "{folds: all}",
    }
    return [(key, own.get(key, value)) for key, value in network]


def _loss_of_trees(loss: dict[str, Any]) -> dict[str, Any]:
    """Return a loss that the trees have: squared errors in place of smooth ones and counts."""
    kept = {key: value for key, value in loss.items() if key not in ("beta", "power")}
    return kept | {"loss": "squared_error"} if loss["loss"] in ("smooth_l1", "poisson") else loss


def source(proposal: Proposal, anchors: set[str], *, has_sample: bool = False) -> Pairs:
    """Return the lines of the lane below its name, as pairs of a key and its value.

    Parameters
    ----------
    anchors
        The anchors that params.yaml defines.
    has_sample
        Whether the competition has a sample, so that the lane follows the file's `source`.
    """
    kind = proposal.inputs
    rows, columns = len(proposal.found.train), sum(column.is_read for column in proposal.columns)
    size = defaults(rows, columns, kind, classes=proposal.target.kind.value in CLASSES)
    table = _inherits("table_encoding", {}, anchors)
    encoding, model, training = table, _inherits("fnn", size["model"], anchors), size["training"]
    if proposal.split.time and not proposal.split.obstacle and training.get("early_stopping"):
        # Folds by time have no hold-out that is later than what is learned: fewer epochs do instead.
        training = training | {"early_stopping": None, "epochs": training["epochs"] // 2}
    if kind == "image":
        encoding = flow({"inputs": "image", "degrees": 0, "scale": 0.0, "shear": 0.0, "shift": 2})
        model = flow({"network": "cnn", "backend": "torch", "channels": [32, 64, 128], "dropout": 0.2})
        training = training | {"weight_decay": 0.05, "warmup": 0.2, "gradient_clip": None}
    elif kind != "table":
        text = {"inputs": "text"} | size["encoding"]
        encoding = flow(text) if kind == "text" else f"{{inputs: table+text, table: {table}, text: {flow(text)}}}"
        columns_section = {"columns": {**size["model"], "embedding": 6}} if kind == "table+text" else {}
        model, training = flow(RNN | columns_section), training | TEXT_TRAINING
    return [
        ("competition", proposal.module),
        ("source", "*source" if has_sample and "source" in anchors else "kaggle"),
        ("folds", str(FOLDS)),
        ("encoding", encoding),
        ("model", model),
        ("objective", flow(_loss(proposal))),
        ("training", _inherits("training", training, anchors)),
    ]


def _loss(proposal: Proposal) -> dict[str, Any]:
    goal = proposal.target
    metric = goal.metric.value
    if goal.kind.value != "regression":
        return LOSSES[goal.kind.value]
    if metric.startswith("quantile_"):
        return {"loss": "quantile", "alpha": float(metric.removeprefix("quantile_"))}
    loss = LOSSES_OF_METRICS.get(metric, LOSSES["regression"])
    # A metric of logarithms, and zeros: no logarithm is learned, but the target is made symmetric.
    return loss | {"power": True} if metric in OF_LOGARITHMS and not proposal.learns_logarithm else loss


def text(name: str, pairs: Pairs, indent: str) -> str:
    """Return the lane as lines of YAML, indented as its neighbours and no longer than the other lines."""
    lines = [f"{indent}{name}:"]
    for key, value in pairs:
        lines += wrapped(f"{indent * 2}{key}: ", value)
    return "\n".join(lines) + "\n"


def _inherits(anchor: str, own: dict[str, Any], anchors: set[str]) -> str:
    shared = SHARED[anchor]
    if anchor in anchors:
        return "{" + ", ".join([f"<<: *{anchor}", *(f"{key}: {flow(value)}" for key, value in own.items())]) + "}"
    return flow(shared | own)
