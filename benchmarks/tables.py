"""Compare what `groundwork add` makes of tables with scikit-learn, and write docs/tables.md.

`make tables ARCHIVES=folder` takes each archive of the folder through the commands of a user, in a clone of this
repository: `groundwork add NAME --archive FILE --yes`, then `groundwork repro` of the answer that it proposes. Nothing
is edited. Two untuned models of scikit-learn are scored on the same rows and folds. A folder that does not exist is
made, with seventeen real tables: see `benchmarks.table_archives`.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from benchmarks.table_archives import TABLES, build

PAGE = Path("docs/tables.md")
SEED = 0
GROUNDWORK = (sys.executable, "-c", "from groundwork.cli import main; main()")
HEAD = """# New tables, without an edit

Written by `make tables ARCHIVES=...`: {machine}. Each table was taken through `groundwork add NAME --archive FILE
--yes --metric METRIC` and `groundwork repro`, without an edit: `network` and `trees` are the two lanes that it
writes, `blend` is the answer that it hands in, their mean with weights chosen on the other folds. A table of texts
has a network alone. Scores are means over the five folds of the training rows, with seed 0, and ± is the standard
error over the folds; no score is of test rows. `boosting` is scikit-learn's HistGradientBoosting on ordinal codes,
`linear` its logistic or ridge regression on one-hot codes, both untuned, on the columns that the network reads; for
texts, `linear` is logistic regression on TF-IDF of words and pairs. `Against these` compares the answer with the
better one of these two, fold by fold: the difference in its favour, and its standard error. Minutes are those of both
commands; other work ran beside them.

The defaults of `groundwork add` were chosen while looking at these tables, so expect a little less on others.

| Table | Rows × columns | Metric | network | trees | blend | boosting | linear | Ahead | Against these | Minutes |
|---|---|---|---|---|---|---|---|---|---|---|
"""


@dataclass(frozen=True)
class Scored:
    """A lane's, a blend's or a peer's score on each fold."""

    name: str
    folds: np.ndarray

    @property
    def text(self) -> str:
        """Return the mean and its standard error over the folds."""
        return f"{self.folds.mean():.4f} ± {error(self.folds):.4f}"


def error(values: np.ndarray) -> float:
    """Return the standard error of the folds' mean."""
    return float(values.std(ddof=1) / np.sqrt(len(values)))


# --- ours: the commands of a user -------------------------------------------------------------------------------------


def clone(folder: Path) -> None:
    """Clone this repository's last commit."""
    if not (folder / "params.yaml").exists():
        subprocess.run(["git", "clone", "-q", str(Path.cwd()), str(folder)], check=True)


def run(folder: Path, *arguments: str) -> str:
    """Run a command of the clone; end with what it printed if it fails."""
    environment = os.environ | {"PYTHONPATH": str(folder / "src")}
    done = subprocess.run(
        [*GROUNDWORK, *arguments], cwd=folder, env=environment, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    if done.returncode:
        sys.exit(f"groundwork {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout


def ours(folder: Path, archive: Path) -> tuple[list[Scored], str]:
    """Add the archive's competition and run its answer; return the scores of its lanes and blend, and the minutes."""
    name, started = archive.stem, time.monotonic()
    known = (folder / "data" / "kaggle" / archive.name).exists()
    if not known:
        metric = ["--metric", TABLES[name][2]] if name in TABLES else []
        run(folder, "add", name, "--archive", str(archive), "--yes", *metric)
    answer = f"{name}-mean" if f"\n  {name}-mean:" in (folder / "params.yaml").read_text() else name
    run(folder, "repro", answer)
    # What an earlier run has done is not in its time.
    minutes = "–" if known else f"{(time.monotonic() - started) / 60:.1f}"
    lanes = {"network": name}
    if answer != name:
        lanes |= {"trees": f"{name}-trees", "blend": answer}
    metrics = folder / "results" / "metrics"
    return [
        Scored(label, np.array(json.loads((metrics / f"{lane}.json").read_text())["folds"]))
        for label, lane in lanes.items()
    ], minutes


# --- scikit-learn's ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Table:
    """What the prepare stage made of a competition, and its out-of-fold rows: targets as the metric reads them.

    Attributes
    ----------
    features
        The columns that the network reads, in the order of `oof`.
    numbers, labels, text
        Their names by how they are read.
    """

    competition: Any
    features: pd.DataFrame
    oof: pd.DataFrame
    numbers: list[str]
    labels: list[str]
    text: str | None

    @property
    def classes(self) -> int:
        """Number of classes; 0 for numbers."""
        return sum(name[0] == "p" and name[1:].isdigit() for name in self.oof)


def prepared(folder: Path, name: str) -> Table:
    """Read the prepared rows of a lane of the clone, by the clone's own code."""
    sys.path.insert(0, str(folder / "src" / "groundwork" / "competitions"))
    competition = __import__(name.replace("-", "_")).competition
    sys.path.pop(0)
    oof = pd.read_parquet(folder / "results" / name / "oof.parquet")
    train = pd.read_parquet(folder / "data" / "prepared" / name / "train.parquet").set_index(competition.id)
    inputs = competition.inputs
    labels = list(dict.fromkeys([*inputs.categorical, *inputs.group]))
    features = train.loc[oof["id"].to_numpy()].reset_index(drop=True)
    features[list(inputs.numeric)] = features[list(inputs.numeric)].astype(float)
    features[labels] = features[labels].astype(object).fillna("missing").astype(str)
    return Table(competition, features, oof, list(inputs.numeric), labels, inputs.text)


def peers(table: Table) -> Iterator[tuple[str, Any]]:
    """Yield scikit-learn's untuned models, by name."""
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression, RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

    if table.text:
        words = make_column_transformer((TfidfVectorizer(min_df=2, ngram_range=(1, 2)), table.text))
        yield "linear", make_pipeline(words, LogisticRegression(C=4, max_iter=500))
        return
    unknown: Any = {"handle_unknown": "use_encoded_value", "unknown_value": -1, "encoded_missing_value": -1}
    boosted = HistGradientBoostingClassifier if table.classes else HistGradientBoostingRegressor
    straight = LogisticRegression(max_iter=500) if table.classes else RidgeCV(np.logspace(-1, 3, 9))
    codes = make_column_transformer((OrdinalEncoder(**unknown), table.labels), ("passthrough", table.numbers))
    one_hot = OneHotEncoder(handle_unknown="ignore", min_frequency=5)
    scaled = make_pipeline(SimpleImputer(), StandardScaler())
    yield "boosting", make_pipeline(codes, boosted(random_state=SEED))
    yield "linear", make_pipeline(make_column_transformer((one_hot, table.labels), (scaled, table.numbers)), straight)


def scored(name: str, model: Any, table: Table) -> Scored:
    """Score a model of scikit-learn on the rows and folds of the out-of-fold rows, by the competition's metric."""
    from sklearn.base import clone as fresh

    from groundwork.objectives.metrics import metric_of

    metric = metric_of(table.competition.metric)
    change, back = {"rmse_log": (np.log, np.exp), "rmsle": (np.log1p, np.expm1)}.get(
        metric.name, (np.asarray, np.asarray)
    )
    target, fold = table.oof["target"].to_numpy(), table.oof["fold"].to_numpy()
    scores = []
    for number in np.unique(fold):
        inside = fold == number
        goal = target[~inside] if table.classes else change(target[~inside])
        fitted = fresh(model).fit(table.features[~inside], goal)
        if table.classes:
            predicted = np.zeros((inside.sum(), table.classes))
            predicted[:, fitted.classes_.astype(int)] = fitted.predict_proba(table.features[inside])
        else:
            predicted = back(fitted.predict(table.features[inside])).clip(target.min(), target.max())
        scores.append(metric.score(target[inside], predicted, None))
    return Scored(name, np.array(scores))


# --- the page ---------------------------------------------------------------------------------------------------------


def compare(folder: Path, archive: Path) -> str:
    """Score all models on an archive; return its row of the page."""
    from groundwork.objectives.metrics import metric_of

    models, minutes = ours(folder, archive)
    table = prepared(folder, archive.stem)
    others = [scored(name, model, table) for name, model in peers(table)]
    metric = metric_of(table.competition.metric)
    sign = 1 if metric.higher_is_better else -1
    ahead, best = (max(group, key=lambda one: sign * one.folds.mean()) for group in (models + others, others))
    lead = sign * (models[-1].folds - best.folds)
    by_name = {one.name: one.text for one in models + others}
    cells = " | ".join(by_name.get(name, "–") for name in ("network", "trees", "blend", "boosting", "linear"))
    columns = len(table.numbers) + len(table.labels) + bool(table.text)
    return (
        f"| `{archive.stem}` | {len(table.oof):,} × {columns} | {metric.name} | {cells} | {ahead.name} "
        f"| {lead.mean():+.4f} ± {error(lead):.4f} | {minutes} |\n"
    )


def main() -> None:
    """Compare the models on each archive and write their rows into the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archives", type=Path, help="folder of archives; made if it does not exist")
    parser.add_argument("names", nargs="*", help="archives without .zip; none means all")
    parser.add_argument("--work", type=Path, help="folder of the clone, to keep it; a second run goes on there")
    arguments = parser.parse_args()
    if not arguments.archives.exists():
        build(arguments.archives)
    rows = written(PAGE.read_text()) if PAGE.exists() else {}
    with tempfile.TemporaryDirectory() as place:
        folder = (arguments.work or Path(place) / "clone").resolve()
        clone(folder)
        for archive in sorted(arguments.archives.resolve().glob("*.zip")):
            if arguments.names and archive.stem not in arguments.names:
                continue
            rows[archive.stem] = compare(folder, archive)
            print(rows[archive.stem], end="", flush=True)
            machine = f"{os.cpu_count()} {platform.machine()} cores, no GPU"
            PAGE.write_text(HEAD.format(machine=machine) + "".join(rows[name] for name in sorted(rows)))


def written(page: str) -> dict[str, str]:
    """Return the rows of the page's table by name, if it has this table's columns."""
    head, _, table = page.partition("|---|\n")
    known = HEAD.splitlines()[-2] in head
    return {row.split("`")[1]: row for row in table.splitlines(keepends=True)} if known else {}


if __name__ == "__main__":
    main()
