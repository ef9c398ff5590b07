"""Compare networks, boosted trees and scikit-learn on tables in Kaggle's layout and write docs/tables.md.

`make tables ARCHIVES=folder` runs it on each zip of the folder (train.csv, sample_submission.csv). Every model is
scored on the same five folds of train.csv, with seed 0: the network and the trees with the settings that `groundwork
add` gives a new lane, their mean, and two untuned models of scikit-learn. A new table is read by plain rules; nothing
is tuned.
"""

import argparse
import io
import os
import platform
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from groundwork.adding.defaults import defaults, trees_by_size
from groundwork.adding.lane import SHARED
from groundwork.competitions import Inputs, Labelled
from groundwork.data.folds import assign
from groundwork.data.rows import PreparedRows
from groundwork.objectives.oof import predictions
from groundwork.settings import Hardware, Lane
from groundwork.training.fold import train_fold

PAGE = Path("docs/tables.md")
FOLDS, SEED = 5, 0
CPU = Hardware(accelerator="cpu", devices=1, precision="32-true", strategy="auto", num_nodes=1)
# A number of at most so many values, all whole, is a class; a text of more distinct values than this share is left out.
MOST_CLASSES = 20
MOST_DISTINCT = 0.5
# Metrics of tables whose competition would not ask for accuracy or the root mean squared error.
METRICS = {
    "ames": "rmse_log", "attrition": "auc", "bikeshare": "rmsle", "caravan": "auc", "cells": "auc", "churn": "auc",
    "diamonds": "rmse_log", "lending": "auc", "police-stops": "auc", "stackoverflow": "auc",
    "house-prices-advanced-regression-techniques": "rmse_log",
}  # fmt: skip
HEAD = """# Networks and boosted trees on tables

Written by `make tables ARCHIVES=...`: {machine}. Out-of-fold scores over {folds} folds with seed 0; nothing was tuned
for a table. `network` and `lightgbm` have the settings that `groundwork add` gives a new table, `mean` is the plain
mean of their predictions, `boosting` is scikit-learn's HistGradientBoosting on ordinal codes, `linear` its logistic or
ridge regression on one-hot codes. ± is the standard error over the folds. The last column compares the mean with the
better one of scikit-learn's two on each fold: the difference in the mean's favour, and its standard error.

| Table | Rows × columns | Metric | network | lightgbm | mean | boosting | linear | Ahead | Mean against scikit-learn |
|---|---|---|---|---|---|---|---|---|---|
"""


@dataclass(frozen=True)
class Table:
    """A table to predict a column of.

    Attributes
    ----------
    frame
        Its rows, with `Id` and the target: classes as codes, or numbers.
    inputs
        The columns that are read.
    """

    name: str
    frame: pd.DataFrame
    target: str
    inputs: Inputs
    kind: str
    metric: str

    @property
    def columns(self) -> list[str]:
        """The names of the columns that are read."""
        return [*self.inputs.numeric, *self.inputs.categorical]

    @property
    def classes(self) -> int:
        """Number of classes; 0 for numbers."""
        return self.frame[self.target].nunique() if self.kind == "classification" else 0

    @property
    def logarithmic(self) -> bool:
        """Whether models learn the logarithm of the target."""
        return self.metric in ("rmse_log", "rmsle") and bool((self.frame[self.target] > 0).all())

    @property
    def competition(self) -> Labelled:
        """The table as a competition."""
        return Labelled(
            slug=self.name,
            kind=self.kind,
            metric=self.metric,
            id="Id",
            targets=(self.target,),
            types={},
            inputs=self.inputs,
            sample=lambda _: {},
            log_target=self.logarithmic,
        )

    def folds(self) -> np.ndarray:
        """Assign each row to a fold, as the prepare stage does."""
        strata = "classes" if self.classes else "quantiles"
        return assign(self.frame[self.target].to_numpy(), FOLDS, SEED, strata)

    def score(self, predicted: np.ndarray, rows: np.ndarray) -> float:
        """Score predictions of the rows that `rows` marks; higher is better for classes, lower for numbers."""
        from sklearn.metrics import accuracy_score, roc_auc_score, root_mean_squared_error

        target, predicted = self.frame[self.target].to_numpy()[rows], predicted[rows]
        if self.metric == "auc":
            return float(roc_auc_score(target, predicted[:, 1]))
        if self.classes:
            return float(accuracy_score(target, predicted.argmax(1)))
        change: Callable[[Any], Any] = {"rmse_log": np.log, "rmsle": np.log1p}.get(self.metric, np.asarray)
        return float(root_mean_squared_error(change(target), change(predicted)))


def read(path: Path, most: int | None = None) -> Table:
    """Read the train.csv of an archive; of more than `most` rows, those at the beginning."""
    with zipfile.ZipFile(path) as archive:
        frame = pd.read_csv(io.BytesIO(archive.read("train.csv")), nrows=most)
        sample = next(name for name in archive.namelist() if "submission" in name)
        key, target = pd.read_csv(io.BytesIO(archive.read(sample)), nrows=1).columns[:2]
    values, features = frame[target], frame.drop(columns=[name for name in (key, target) if name in frame])
    few = values.nunique() <= MOST_CLASSES and pd.api.types.is_numeric_dtype(values) and (values % 1 == 0).all()
    kind = "classification" if few or not pd.api.types.is_numeric_dtype(values) else "regression"
    if kind == "classification":
        values = pd.Series(np.unique(values.astype(str), return_inverse=True)[1])
    features = pd.concat([_column(features[name]) for name in features], axis=1)
    numeric = tuple(features.select_dtypes("number"))
    labels = tuple(name for name in features if name not in numeric)
    return Table(
        path.stem,
        features.assign(**{target: values.to_numpy(), "Id": np.arange(len(frame))}),
        target,
        Inputs(numeric=numeric, categorical=labels),
        kind,
        METRICS.get(path.stem, "accuracy" if kind == "classification" else "rmse"),
    )


def _column(values: pd.Series) -> pd.DataFrame:
    """Read a column: numbers as they are, dates by their parts, texts as labels unless most of them are distinct."""
    name = values.name
    if pd.api.types.is_bool_dtype(values):
        return values.astype(str).to_frame()
    if pd.api.types.is_numeric_dtype(values):
        return values.astype(float).to_frame() if values.nunique() > 1 else values.to_frame()[[]]
    text = values.astype("str")
    if text.dropna().str.match(r"^\d{4}-\d\d-\d\d").mean() > 0.9:
        moment = pd.to_datetime(text, errors="coerce")
        return pd.DataFrame(
            {
                f"{name} {part}": getattr(moment.dt, part).astype(float)
                for part in ("year", "month", "day", "day_of_week", "day_of_year", "hour")
            }
        ).assign(**{f"{name} days": (moment - moment.min()).dt.days.astype(float)})
    distinct = text.nunique() / max(1, text.notna().sum())
    return text.to_frame()[[]] if distinct > MOST_DISTINCT or text.nunique() < 2 else text.to_frame()


# --- our models -------------------------------------------------------------------------------------------------------


def lane(table: Table, sections: dict[str, Any]) -> Lane:
    """Make a lane from the sections that depend on the table."""
    classes = {"loss": "cross_entropy", "label_smoothing": 0.0}
    return Lane.model_validate(
        {
            "competition": table.name,
            "source": "kaggle",
            "folds": FOLDS,
            "objective": classes if table.classes else {"loss": "smooth_l1", "beta": 1.0},
            **sections,
        }
    )


def network(table: Table, **changes: dict[str, Any]) -> Lane:
    """Make the lane of a network; `changes` replace keys of its sections."""
    base = {"encoding": SHARED["table_encoding"], "model": SHARED["fnn"], "training": SHARED["training"]}
    base["training"] = {**base["training"], "optimizer": {"name": "adamw", "betas": [0.9, 0.999], "eps": 1e-8}}
    size = defaults(len(table.frame), len(table.columns), "table")
    return lane(table, {name: {**base[name], **size[name], **changes.get(name, {})} for name in base})


def trees(table: Table) -> Lane:
    """Make the lane of boosted trees."""
    encoding = {**SHARED["table_encoding"], "clip": 0.0}
    model = trees_by_size(len(table.frame), table.classes)
    return lane(table, {"encoding": encoding, "model": model, "training": {"folds": "all"}})


def out_of_fold(table: Table, settings: Lane, folds: np.ndarray, most: int = FOLDS) -> np.ndarray:
    """Train the lane's folds; return the predictions of their validation rows, nan for folds that were left out."""
    rows = PreparedRows(
        folds=list(range(FOLDS)), final=False, train=table.frame, test=table.frame,
        fold=pd.DataFrame({"fold": folds}), sample_submission=Path(), data_sha256="", folds_sha256="",
    )  # fmt: skip
    predicted = np.full((len(folds), table.classes) if table.classes else len(folds), np.nan)
    for fold in range(most):
        validation = train_fold(table.competition, settings, rows, fold, SEED, CPU).validation
        assert validation is not None
        predicted[folds == fold] = predictions(validation)
    return predicted


# --- scikit-learn's ---------------------------------------------------------------------------------------------------


def peers(table: Table) -> Iterator[tuple[str, Any]]:
    """Yield scikit-learn's untuned models, by name."""
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression, RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

    words, numbers = list(table.inputs.categorical), list(table.inputs.numeric)
    unknown: Any = {"handle_unknown": "use_encoded_value", "unknown_value": -1, "encoded_missing_value": -1}
    boosted = HistGradientBoostingClassifier if table.classes else HistGradientBoostingRegressor
    straight = LogisticRegression(max_iter=500) if table.classes else RidgeCV(np.logspace(-1, 3, 9))
    codes = make_column_transformer((OrdinalEncoder(**unknown), words), ("passthrough", numbers))
    one_hot = OneHotEncoder(handle_unknown="ignore", min_frequency=5)
    scaled = make_pipeline(SimpleImputer(), StandardScaler())
    yield "boosting", make_pipeline(codes, boosted(random_state=SEED))
    yield "linear", make_pipeline(make_column_transformer((one_hot, words), (scaled, numbers)), straight)


def out_of_fold_of(model: Any, table: Table, folds: np.ndarray) -> np.ndarray:
    """Return a scikit-learn model's predictions of each fold's validation rows."""
    from sklearn.base import clone

    features, target = table.frame, table.frame[table.target].to_numpy()
    change, back = (np.log, np.exp) if table.logarithmic else (np.asarray, np.asarray)
    predicted = np.zeros((len(folds), table.classes) if table.classes else len(folds))
    for fold in range(FOLDS):
        inside = folds == fold
        goal = target[~inside] if table.classes else change(target[~inside])
        fitted = clone(model).fit(features[~inside], goal)
        if table.classes:
            predicted[np.ix_(inside, fitted.classes_)] = fitted.predict_proba(features[inside])
        else:
            predicted[inside] = back(fitted.predict(features[inside]))
    return predicted if table.classes else predicted.clip(target.min(), target.max())


# --- the page ---------------------------------------------------------------------------------------------------------


def compare(path: Path, most: int | None) -> str:
    """Score all models on an archive; return its row of the page."""
    table = read(path, most)
    folds, started = table.folds(), time.monotonic()
    predicted = {
        "network": out_of_fold(table, network(table), folds),
        "lightgbm": out_of_fold(table, trees(table), folds),
    }
    predicted["mean"] = (predicted["network"] + predicted["lightgbm"]) / 2
    predicted |= {name: out_of_fold_of(model, table, folds) for name, model in peers(table)}
    scores = {
        name: np.array([table.score(values, folds == fold) for fold in range(FOLDS)])
        for name, values in predicted.items()
    }
    sign = 1 if table.classes else -1
    ahead = max(scores, key=lambda name: sign * scores[name].mean())
    best = max(("boosting", "linear"), key=lambda name: sign * scores[name].mean())
    lead = sign * (scores["mean"] - scores[best])
    cells = " | ".join(f"{values.mean():.4f} ± {error(values):.4f}" for values in scores.values())
    print(f"{table.name}: {time.monotonic() - started:.0f} s")
    return (
        f"| `{table.name}` | {len(table.frame):,} × {len(table.columns)} | {table.metric} | {cells} | {ahead} "
        f"| {lead.mean():+.4f} ± {error(lead):.4f} |\n"
    )


def error(values: np.ndarray) -> float:
    """Return the standard error of the folds' mean."""
    return float(values.std(ddof=1) / np.sqrt(len(values)))


def main() -> None:
    """Compare the models on each archive and write their rows into the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archives", type=Path, help="folder of archives")
    parser.add_argument("names", nargs="*", help="archives without .zip; none means all")
    parser.add_argument("--rows", type=int, help="the most rows of a table; the page is then not written")
    arguments = parser.parse_args()
    rows = written(PAGE.read_text()) if PAGE.exists() else {}
    for path in sorted(arguments.archives.glob("*.zip")):
        if arguments.names and path.stem not in arguments.names:
            continue
        row = compare(path, arguments.rows)
        print(row, end="", flush=True)
        rows[path.stem] = row
        if not arguments.rows:
            machine = f"{os.cpu_count()} {platform.machine()} cores, no GPU"
            PAGE.write_text(HEAD.format(machine=machine, folds=FOLDS) + "".join(rows[name] for name in sorted(rows)))


def written(page: str) -> dict[str, str]:
    """Return the rows of the page's table by name, if it has this table's columns."""
    head, _, table = page.partition("|---|\n")
    known = HEAD.splitlines()[-2] in head
    return {row.split("`")[1]: row for row in table.splitlines(keepends=True)} if known else {}


if __name__ == "__main__":
    main()
