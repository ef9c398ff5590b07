"""The small models of checks: what tells two tables apart, and the columns of a fold as its networks get them."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from groundwork.checks.views import pixels
from groundwork.competitions import Labelled
from groundwork.naming import ByName
from groundwork.objectives import KINDS
from groundwork.sections.encodings import TableEncoding

Matrix: TypeAlias = Any  # an array, or a sparse one of scipy
Encoded: TypeAlias = tuple[NDArray[Any], NDArray[Any]]
ENCODING = TableEncoding(inputs="table", clip=0.0, min_category_count=5, group_smoothing=1.0)
COMPONENTS = 30


def told_apart(
    matrix: Matrix, second: NDArray[np.bool_], groups: NDArray[Any] | None, *, linear: bool
) -> tuple[float, NDArray[np.float64]]:
    """Learn which rows are of the second table; return the out-of-fold AUC and how much each column counts."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    splitter = StratifiedKFold if groups is None else StratifiedGroupKFold
    predicted, counts = np.zeros(len(second)), np.zeros(matrix.shape[1])
    for train, valid in splitter(3, shuffle=True, random_state=0).split(np.zeros(len(second)), second, groups):
        if linear:
            model = LogisticRegression(C=0.1, max_iter=200).fit(matrix[train], second[train])
            counts += np.abs(model.coef_[0])
            predicted[valid] = model.predict_proba(matrix[valid])[:, 1]
        else:
            import lightgbm

            options = {"objective": "binary", "num_leaves": 7, "verbose": -1, "num_threads": 1, "seed": 0,
                       "deterministic": True, "force_row_wise": True, "learning_rate": 0.1}  # fmt: skip
            booster = lightgbm.train(options, lightgbm.Dataset(matrix[train], label=second[train].astype(int)), 40)
            counts += booster.feature_importance("gain")
            predicted[valid] = booster.predict(matrix[valid])
    return float(roc_auc_score(second, predicted)), counts / (counts.sum() or 1.0)


def words(texts: Sequence[str], most: int) -> tuple[Matrix, list[str]]:
    """Weight the words of texts by TF-IDF; return the words too."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectors = TfidfVectorizer(max_features=most, token_pattern=r"\w+", sublinear_tf=True)
    return vectors.fit_transform(texts), list(vectors.get_feature_names_out())


def features(competition: Labelled, train: pd.DataFrame, valid: pd.DataFrame) -> Encoded:
    """Encode a fold's rows as numbers, with transforms that are fitted on its training rows."""
    return ENCODED[competition.encoding](competition, train, valid)


def _pixels(competition: Labelled, train: pd.DataFrame, valid: pd.DataFrame) -> Encoded:
    names = pixels(competition, train)
    return train[names].to_numpy(float), valid[names].to_numpy(float)


def _table(competition: Labelled, train: pd.DataFrame, valid: pd.DataFrame) -> Encoded:
    from groundwork.encoders.table import TableEncoder

    objective = KINDS[competition.kind].fit(competition.task, train, train, {})
    encoder = TableEncoder.of(ENCODING, competition, None, 0)
    encoded = encoder.fit_transform(train, objective.signals(train)), encoder.transform(valid)
    learned, asked = (
        np.column_stack([np.asarray(tensors[name]) for name in ("numeric", "categorical")]) for tensors in encoded
    )
    return learned, asked


def _topics(competition: Labelled, train: pd.DataFrame, valid: pd.DataFrame) -> Encoded:
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    inputs = competition.inputs
    fields = [inputs.pair.query, *inputs.pair.fields] if inputs.pair else [inputs.text]
    first, second = (frame[fields].fillna("").agg(" ".join, axis=1) for frame in (train, valid))
    vectors = TfidfVectorizer(max_features=5_000, token_pattern=r"\w+")
    learned = vectors.fit_transform(first)
    topics = TruncatedSVD(max(1, min(COMPONENTS, learned.shape[1] - 1)), random_state=0).fit(learned)
    return topics.transform(learned), topics.transform(vectors.transform(second))


def _both(competition: Labelled, train: pd.DataFrame, valid: pd.DataFrame) -> Encoded:
    tables, topics = (encoded(competition, train, valid) for encoded in (_table, _topics))
    return np.column_stack([tables[0], topics[0]]), np.column_stack([tables[1], topics[1]])


# By `Competition.encoding`.
ENCODED: ByName[Callable[[Labelled, pd.DataFrame, pd.DataFrame], Encoded]] = {
    "table": _table,
    "image": _pixels,
    "text": _topics,
    "pair": _topics,
    "table+text": _both,
}
