"""Measures which columns a lane's networks rely on: how much the metric loses when a column's values are shuffled.

Each network predicts rows that it was not trained on: those of its own fold.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from groundwork.competitions import Competition, Labelled
from groundwork.data.prepared import Prepared
from groundwork.errors import UserError
from groundwork.experiments.importance import has_columns
from groundwork.files import read_json
from groundwork.objectives import KINDS
from groundwork.objectives.oof import groups, targets
from groundwork.training.checkpoint import TrainedFold, predicting
from groundwork.training.inference import device

ROWS = 4_000  # of a fold: more are drawn from
SHUFFLES = 5  # of a column, the most
PREDICTED = 300_000  # rows, about, in ten seconds: beyond, columns are shuffled less often
PIECE = 50_000  # rows that are predicted at once


def importance(lane_name: str, competition: Competition, prepared: Prepared, results: Path) -> dict[str, Any]:
    """Shuffle each column of the held-out rows of each fold, and score the predictions of the fold's networks.

    Columns that say the same stand in for each other, so that each of them looks unimportant.

    Parameters
    ----------
    lane_name
        The lane's key in params.yaml, for messages.
    results
        The lane's folder of results, which contains the checkpoints.

    Returns
    -------
    dict
        ``run_id``, ``metric``, ``higher_is_better``, ``rows``, ``shuffles`` (of each column in each fold), and
        ``columns``, the most important first: ``name``, ``loss`` (how much worse the metric is, the mean over folds),
        ``sd`` (over folds, ddof 1; None with one fold), ``folds``.

    Raises
    ------
    UserError
        If the lane has no columns, is not trained, or was trained on other data.
    """
    competition = with_columns(lane_name, competition)
    run = read_json(results / "run.json", f"groundwork repro {lane_name}")
    networks = predicting(lane_name, results / "checkpoints", final=False)
    if run["data_sha256"] != prepared.data_sha256:
        raise UserError(
            f"{lane_name}: its networks were trained on other data than is prepared now",
            f"train again: `groundwork repro {lane_name}`",
        )
    folds = sorted({network.fold for network in networks})
    held_out = {fold: _held_out([one for one in networks if one.fold == fold], prepared, competition) for fold in folds}
    names = [
        name
        for name in dict.fromkeys((*competition.inputs.numeric, *competition.inputs.labels))
        if name in held_out[folds[0]][0]
    ]
    rows = sum(len(frame) for frame, _ in held_out.values())
    shuffles = int(np.clip(PREDICTED // max(rows * len(names), 1), 1, SHUFFLES))
    losses = np.stack(
        [
            _losses([one for one in networks if one.fold == fold], *held_out[fold], competition, names, shuffles)
            for fold in folds
        ]
    )
    columns = [
        {
            "name": name,
            "loss": float(of_folds.mean()),
            "sd": float(of_folds.std(ddof=1)) if len(folds) > 1 else None,
            "folds": of_folds.tolist(),
        }
        for name, of_folds in zip(names, losses.T, strict=True)
    ]
    metric = competition.scorer
    return {
        "run_id": run["run_id"],
        "metric": metric.name,
        "higher_is_better": metric.higher_is_better,
        "rows": rows,
        "shuffles": shuffles,
        "columns": sorted(columns, key=lambda column: -float(column["loss"])),
    }


def with_columns(lane_name: str, competition: Competition) -> Labelled:
    """Return the competition; raise `UserError` if its networks read no table."""
    if not isinstance(competition, Labelled) or not has_columns(competition):
        read = " and ".join(competition.inputs.encodings) if isinstance(competition, Labelled) else competition.layout
        raise UserError(
            f"{lane_name}: its networks read {read}; expected a table", "name a lane of a table, such as titanic"
        )
    return competition


def _held_out(
    networks: Sequence[TrainedFold], prepared: Prepared, competition: Labelled
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a fold's held-out rows, and beside them their out-of-fold rows, of which the targets are used."""
    oof = networks[0].validation
    assert oof is not None
    if len(oof) > ROWS:
        oof = oof.sample(ROWS, random_state=0)
    frame = prepared.validation(networks[0].fold).set_index(competition.id, drop=False)
    return frame.loc[oof["id"]].reset_index(drop=True), oof


def _losses(
    networks: Sequence[TrainedFold],
    frame: pd.DataFrame,
    oof: pd.DataFrame,
    competition: Labelled,
    names: Sequence[str],
    shuffles: int,
) -> NDArray[np.float64]:
    """Return how much worse a fold's metric is where a column is shuffled: float64 ``[columns]``."""
    metric, kind, where = competition.scorer, KINDS[competition.kind], device()
    target, queries = targets(oof), groups(oof)

    def scores(rows: pd.DataFrame) -> Iterator[float]:
        predicted = kind.combine([network.predict(rows, where) for network in networks])
        for part in np.split(predicted, len(rows) // len(frame)):
            yield metric.score(target, part, queries)

    (whole,) = scores(frame)
    draw = np.random.default_rng(networks[0].fold)
    shuffled = []
    wanted = [(name, draw.permutation(len(frame))) for name in names for _ in range(shuffles)]
    several = max(PIECE // len(frame), 1)
    for start in range(0, len(wanted), several):
        pieces = [frame.assign(**{name: frame[name].array[order]}) for name, order in wanted[start : start + several]]
        shuffled += list(scores(pd.concat(pieces, ignore_index=True)))
    worse = (whole - np.array(shuffled)) * (1 if metric.higher_is_better else -1)
    return worse.reshape(len(names), shuffles).mean(1)
