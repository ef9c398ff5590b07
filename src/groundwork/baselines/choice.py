"""Chooses the baselines of a lane by the encoding of its rows; the simplest first."""

from collections.abc import Callable
from typing import Any

from sklearn.linear_model import LogisticRegression, Ridge

from groundwork.baselines import Baseline
from groundwork.baselines.features import Pixels, Table, TfIdf
from groundwork.baselines.lexical import FieldScores, PairTfIdf
from groundwork.baselines.linear import Linear, constant, linear
from groundwork.baselines.purchases import ItemKNN, Popularity, Repurchase
from groundwork.baselines.trees import LightGBM
from groundwork.competitions import Competition, Labelled, Purchases
from groundwork.data.prepared import Prepared
from groundwork.data.purchases import PreparedPurchases
from groundwork.naming import ByName
from groundwork.objectives import KINDS
from groundwork.sections.encodings import EncodingSettings, TableEncoding, TableTextEncoding


def baselines_of(competition: Competition, encoding: EncodingSettings, prepared: Prepared, seed: int) -> list[Baseline]:
    """Return the baselines that suit the encoding of the lane's rows.

    Parameters
    ----------
    encoding
        The lane's section of params.yaml.
    prepared
        The prepared data, which has the labels.
    seed
        Seed of the order of pictures in the solver's passes.
    """
    return BASELINES[encoding.inputs](competition, encoding, prepared, seed)


def _of_table(competition: Labelled, encoding: TableEncoding, prepared: Prepared, seed: int) -> list[Baseline]:
    classifier, features = LogisticRegression(max_iter=1000), Table(competition, encoding)
    return [
        constant(competition, prepared.labels),
        linear(competition, prepared.labels, "", features, classifier, Ridge(10.0)),
        LightGBM(competition, encoding, prepared.labels, seed),
    ]


def _of_pictures(competition: Labelled, encoding: object, prepared: Prepared, seed: int) -> list[Baseline]:
    # Five passes over the pictures score as well as the exact solution, in a tenth of the time.
    passes = LogisticRegression(solver="saga", max_iter=5, random_state=seed)
    return [
        constant(competition, prepared.labels),
        linear(competition, prepared.labels, "pixels", Pixels(competition), passes, Ridge(10.0)),
    ]


def _of_pairs(competition: Labelled, encoding: object, prepared: Prepared, seed: int) -> list[Baseline]:
    pair, classifier = competition.inputs.pair, LogisticRegression(max_iter=1000)
    if pair is None:
        raise ValueError("inputs.pair: found None; expected a query and a document")
    return [
        constant(competition, prepared.labels),
        linear(competition, prepared.labels, "TF-IDF", PairTfIdf(pair), classifier, Ridge(30.0)),
        linear(competition, prepared.labels, "BM25", FieldScores(pair), classifier, Ridge(1.0)),
    ]


def _of_texts(competition: Labelled, encoding: object, prepared: Prepared, seed: int) -> list[Baseline]:
    column = competition.inputs.text
    if column is None:
        raise ValueError("inputs.text: found None; expected a column")
    # liblinear is the fastest solver on words, but supports two classes only.
    several = KINDS[competition.kind].class_count(prepared.labels, competition.task) > 2
    classifier = LogisticRegression(C=4.0, solver="lbfgs" if several else "liblinear", max_iter=1000)
    models: list[Linear] = [constant(competition, prepared.labels)]
    for label, characters in (("TF-IDF of words", False), ("TF-IDF of words and characters", True)):
        features = TfIdf(column, characters)
        models.append(linear(competition, prepared.labels, label, features, classifier, Ridge(1.0)))
    return [*models]


def _of_both(competition: Labelled, encoding: TableTextEncoding, prepared: Prepared, seed: int) -> list[Baseline]:
    _, *of_texts = _of_texts(competition, encoding.text, prepared, seed)
    return [*_of_table(competition, encoding.table, prepared, seed), *of_texts]


def _of_purchases(competition: Purchases, encoding: object, prepared: PreparedPurchases, seed: int) -> list[Baseline]:
    size = (len(prepared.articles), competition.days, competition.answers)
    return [Popularity(*size), Repurchase(*size), ItemKNN(*size)]


# By `encoding.inputs`; each function takes the layout that its encoding reads.
BASELINES: ByName[Callable[[Any, Any, Any, int], list[Baseline]]] = {
    "table": _of_table,
    "image": _of_pictures,
    "text": _of_texts,
    "table+text": _of_both,
    "pair": _of_pairs,
    "history": _of_purchases,
}
