"""Which baselines a competition is held against."""

from sklearn.linear_model import LogisticRegression, Ridge

from groundwork.baselines import Baseline
from groundwork.baselines.features import Pixels, Table, TfIdf
from groundwork.baselines.lexical import FieldScores, PairTfIdf
from groundwork.baselines.linear import Features, Linear, constant, head
from groundwork.baselines.purchases import ItemKNN, Popularity, Repurchase
from groundwork.competitions import Competition, Labelled, Purchases
from groundwork.data.prepared import Prepared
from groundwork.data.purchases import PreparedPurchases
from groundwork.data.rows import PreparedRows
from groundwork.settings import EncodingSettings, ImageEncoding, TableEncoding


def baselines_of(competition: Competition, encoding: EncodingSettings, prepared: Prepared, seed: int) -> list[Baseline]:
    """Choose by what the competition asks and by what its rows are; the simplest first.

    Parameters
    ----------
    encoding
        The lane's: how a table's columns become numbers.
    prepared
        Says how many classes or articles there are.
    seed
        Of the order in which pictures are passed over.
    """
    if isinstance(competition, Purchases):
        assert isinstance(prepared, PreparedPurchases)
        size = (len(prepared.articles), competition.days, competition.answers)
        return [Popularity(*size), Repurchase(*size), ItemKNN(*size)]
    assert isinstance(competition, Labelled)
    assert isinstance(prepared, PreparedRows)
    classes = int(prepared.train[competition.targets[0]].max()) + 1 if competition.kind == "classification" else 0
    model = "logistic regression" if competition.kind in ("classification", "tagging") else "ridge"

    def linear(name: str, features: Features, classifier: LogisticRegression, penalty: float) -> Linear:
        return Linear(name, features, head(competition, classes, classifier, Ridge(penalty)))

    inputs = competition.inputs
    found: list[Baseline] = [constant(competition, classes)]
    if isinstance(encoding, TableEncoding):
        found.append(linear(model, Table(competition, encoding), LogisticRegression(max_iter=1000), 10.0))
    elif isinstance(encoding, ImageEncoding):
        # Five passes over the pictures: they say as much as a solution to the last digit, in a tenth of the time.
        passes = LogisticRegression(solver="saga", max_iter=5, random_state=seed)
        found.append(linear(f"pixels + {model}", Pixels(competition), passes, 10.0))
    elif inputs.pair:
        classifier = LogisticRegression(max_iter=1000)
        found.append(linear(f"TF-IDF + {model}", PairTfIdf(inputs.pair), classifier, 30.0))
        found.append(linear(f"BM25 + {model}", FieldScores(inputs.pair), classifier, 1.0))
    else:
        assert inputs.text is not None  # `groundwork validate` has compared encoding and inputs
        # liblinear is the fastest on words, and knows two classes only.
        solver = "lbfgs" if classes > 2 else "liblinear"
        classifier = LogisticRegression(C=4.0, solver=solver, max_iter=1000)
        for seen, characters in (("TF-IDF of words", False), ("TF-IDF of words and characters", True)):
            found.append(linear(f"{seen} + {model}", TfIdf(inputs.text, characters), classifier, 1.0))
    return found
