"""Checks for leaks: a column that gives the target away, an order that predicts it, a shuffled target predicted."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from groundwork.checks.alarms import Alarm, Check
from groundwork.checks.models import features
from groundwork.checks.views import MOST_WORDS, Rows, binned, skill

GIVEN_AWAY = 0.9  # R² of a column alone
FEWEST = 10  # rows of a class or a tag that are judged
ORDER, SHUFFLES, DEVIATIONS = 0.02, 20, 6.0  # R² of the order, and how far beyond shuffled orders
CHANCE, LARGEST = 0.1, 3_000  # correlation with a shuffled target, and the rows that are tried
MOST_ROWS = 5_000  # rows by which columns are judged


def single_column(rows: Rows) -> Check:
    """Look for a column, or a word, that gives the target away alone."""
    tried = np.sort(np.random.default_rng(0).permutation(rows.train)[:MOST_ROWS])
    targets, folds = rows.targets[tried], rows.folds[tried]
    targets = targets[:, np.minimum(targets.sum(0), (1 - targets).sum(0)) >= FEWEST]
    if not targets.shape[1]:
        return Check("a column that gives the target away", skipped="no class or tag has ten rows")
    columns = rows.columns.iloc[tried]
    found = {str(name): float(skill(binned(columns[name].to_numpy(float)), targets, folds).max()) for name in columns}
    found |= {} if rows.texts is None else _words(rows.texts.iloc[tried], targets)
    best = sorted(found, key=found.__getitem__, reverse=True)
    measured = {"R² of the best": found[best[0]]} if best else {}
    away = tuple(name for name in best if found[name] >= GIVEN_AWAY)
    if not away:
        return Check("a column that gives the target away", measured=measured)
    return Check(
        "a column that gives the target away",
        Alarm(
            f"{', '.join(away[:5])} alone predicts the target with R² {found[away[0]]:.2f}",
            "such a column is often made from the target, or known only after it; then it fails on new rows",
            f"ask when {away[0]} is known; if only after the target, take it out of `inputs` in the competition's file",
            away,
        ),
        measured,
    )


def _words(texts: pd.Series, targets: NDArray[np.float64]) -> dict[str, float]:
    """Return the word that goes with the target most, and its R²."""
    from sklearn.feature_extraction.text import CountVectorizer

    counter = CountVectorizer(binary=True, max_features=MOST_WORDS, token_pattern=r"\w+")
    try:
        held = counter.fit_transform(texts)
    except ValueError:  # texts without a word
        return {}
    share = np.asarray(held.mean(axis=0)).ravel()
    centered = targets - targets.mean(0)
    together = held.T @ centered / len(texts)
    spread = np.outer(share * (1 - share), (centered**2).mean(0))
    squared = (together**2 / np.where(spread > 0, spread, np.inf)).max(axis=1)
    best = int(np.argmax(squared))
    return {f"the word {counter.get_feature_names_out()[best]!r}": float(squared[best])}


def order(rows: Rows) -> Check:
    """Look for an order of rows or ids that predicts the target."""
    name = "an order that predicts"
    if rows.competition.by_time:
        return Check(name, skipped="folds follow one another in time, and so may the target")
    ids = rows.prepared.train[rows.competition.id]
    position = np.arange(rows.train)
    by_id = np.argsort(np.argsort(ids.to_numpy(), kind="stable"), kind="stable")
    orders = {"the row's place in train.csv": position, rows.competition.id: by_id}
    bins, rng = int(np.clip(rows.train // 50, 4, 64)), np.random.default_rng(0)

    def score(places: NDArray[np.int64]) -> float:
        return float(skill(places * bins // rows.train, rows.targets, rows.folds).mean())

    by_chance = [score(rng.permutation(rows.train)) for _ in range(SHUFFLES)]
    expected = float(np.mean(by_chance))
    limit = max(ORDER, expected + DEVIATIONS * float(np.std(by_chance)))
    found = {key: score(places) for key, places in orders.items()}
    measured = {"R² of the best": max(found.values()), "R² by chance": expected}
    telling = tuple(key for key in sorted(found, key=found.__getitem__, reverse=True) if found[key] > limit)
    if not telling:
        return Check(name, measured=measured)
    return Check(
        name,
        Alarm(
            f"{' and '.join(telling)} predicts the target, R² {found[telling[0]]:.2f}; by chance {expected:.2f}",
            "rows are sorted by something that the target knows; neighbours then tell each other's target",
            "find out what the order stands for (time, a source, a group) and split by it: `fold_by_time` or "
            "`group_folds_by`; do not read the id",
            telling,
        ),
        measured,
    )


def permuted(rows: Rows) -> Check:
    """Shuffle the target and predict it as the pipeline would: whatever is better than chance leaks."""
    from sklearn.ensemble import ExtraTreesRegressor

    name, rng = "a shuffled target that is predicted", np.random.default_rng(0)
    tried = pd.Index(np.sort(rng.permutation(rows.train)[:LARGEST]))
    shuffle = rng.permutation(rows.train)
    target = rows.targets[shuffle]
    names = list(rows.competition.targets)
    frame = rows.prepared.train.assign(**{key: rows.prepared.train[key].to_numpy()[shuffle] for key in names})
    predicted, actual = [], []
    for fold in rows.prepared.folds:
        inside, valid = (
            part(fold).index.intersection(tried) for part in (rows.prepared.training, rows.prepared.validation)
        )
        if len(inside) < FEWEST or not len(valid):
            continue
        # Whatever an encoder learns of the target, it learns of the shuffled one.
        learned, asked = features(rows.competition, frame.loc[inside], frame.loc[valid])
        trees = ExtraTreesRegressor(20, max_features=0.3, random_state=0).fit(learned, target[inside].squeeze())
        found = trees.predict(asked).reshape(len(valid), -1)
        predicted.append(found - found.mean(0))
        actual.append(target[valid] - target[valid].mean(0))
    if not predicted:
        return Check(name, skipped="no fold has ten rows to learn from")
    one, other = np.concatenate(predicted).ravel(), np.concatenate(actual).ravel()
    size = float(np.sqrt((one @ one) * (other @ other)))
    together = float(one @ other) / size if size else 0.0
    count = sum(map(len, predicted))
    measured = {"correlation": together, "rows": count}
    if together < CHANCE or together * np.sqrt(count) < DEVIATIONS:
        return Check(name, measured=measured)
    return Check(
        name,
        Alarm(
            f"trees predict a shuffled target out of fold, with a correlation of {together:.2f}; expected about 0",
            "no column can know a shuffled target: rows of a fold take part in its training, so its score is too high",
            "look for rows that are in the training and the validation part of a fold, and for an encoder that reads "
            "targets of validation rows",
        ),
        measured,
    )
