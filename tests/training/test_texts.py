"""Tagging of texts: from a column of comments to a fold's file, with both networks."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from tests.training.tiny import CPU, in_memory, training

from groundwork.competitions import Inputs, Labelled
from groundwork.data.rows import PreparedRows
from groundwork.encoders.text import TextEncoder
from groundwork.models.rnn import RNN
from groundwork.models.text import WideAndDeep
from groundwork.models.transformer import Transformer
from groundwork.settings import Lane
from groundwork.training.build import make_encoder
from groundwork.training.checkpoint import TrainedFold
from groundwork.training.fold import train_fold

CPU_DEVICE = torch.device("cpu")
SHARED = {"token_dropout": 0.0, "channel_dropout": 0.0, "dropout": 0.0, "shrinkage": 1.0, "wide_learning_rate": 1.0}
NETWORKS: dict[str, dict[str, Any]] = {
    "rnn": {"network": "rnn", "embedding": 8, "width": 8},
    "transformer": {"network": "transformer", "heads": 2, "head_width": 4, "depth": 1, "block_dropout": 0.0},
}
COMMENTS = Labelled(
    slug="comments",
    kind="tagging",
    metric="auc",
    id="id",
    targets=("rude", "loud"),
    types={"id": str, "text": str, "rude": int, "loud": int},
    inputs=Inputs(text="text"),
    sample=lambda rng: {},
)


def comments(copies: int = 1) -> pd.DataFrame:
    """Make twenty comments; `rude` depends on the order of two words, `loud` on a word."""
    sentences = ["you are a numpty not a friend", "you are a friend not a numpty", "OH the page", "oh the page"]
    texts = [f"{text} {place}" for place in ("here", "there", "again", "today", "😀") for text in sentences] * copies
    frame = pd.DataFrame({"id": [f"c{row}" for row in range(len(texts))], "text": pd.array(texts, dtype="str")})
    frame["rude"] = [int(text.startswith("you are a numpty")) for text in texts]
    frame["loud"] = [int("page" in text) for text in texts]
    frame.loc[3, "text"] = None
    return frame


def lane(network: str, **changes: Any) -> Lane:
    return Lane.model_validate(
        {
            "competition": "comments",
            "source": "sample",
            "folds": 2,
            "encoding": {"inputs": "text", "subwords": 300, "length": 32, "words": 50, "ngrams": 100},
            "model": NETWORKS[network] | SHARED,
            "objective": {"loss": "binary_cross_entropy", "label_smoothing": 0.0},
            "training": training(**changes).model_dump(),
        }
    )


def prepared(frame: pd.DataFrame) -> PreparedRows:
    fold = pd.DataFrame({"id": frame["id"], "fold": (np.arange(len(frame)) >= 20).astype(np.int8)})
    rows = in_memory(frame)
    return PreparedRows(**vars(rows) | {"folds": [0, 1], "fold": fold})


def fold_of(network: str, **changes: Any) -> tuple[TrainedFold, PreparedRows]:
    rows = prepared(comments(copies=2))
    return train_fold(COMMENTS, lane(network, **changes), rows, 1, seed=0, hardware=CPU), rows


@pytest.mark.parametrize(("network", "deep"), [("rnn", RNN), ("transformer", Transformer)])
def test_twenty_sentencesare_learned_by_heart(network: str, deep: type) -> None:
    fold, rows = fold_of(network, epochs=60, batch_size=10, learning_rate=0.02)
    assert isinstance(fold.network, WideAndDeep)
    assert isinstance(fold.network.deep, deep)
    train = rows.training(1)
    right = (fold.predict(train, CPU_DEVICE) > 0.5) == train[["rude", "loud"]].to_numpy()
    assert right[train["text"].notna()].all()


@pytest.mark.parametrize("network", ["rnn", "transformer"])
def test_a_fold_predicts_the_same_from_its_file(network: str, tmp_path: Path) -> None:
    fold, rows = fold_of(network)
    fold.save(tmp_path / "fold_1.fold")
    again = TrainedFold.load(tmp_path / "fold_1.fold").predict(rows.validation(1), CPU_DEVICE)
    assert fold.validation is not None
    np.testing.assert_array_equal(again, fold.validation[["p0", "p1"]].to_numpy())
    assert len(np.unique(again[:, 0])) > 10


def test_an_encoder_is_made_as_its_section_says() -> None:
    encoder = make_encoder(COMMENTS, lane("rnn"), prepared(comments()))
    assert isinstance(encoder, TextEncoder)
    assert (encoder.column, encoder.length, encoder.subwords.size) == ("text", 32, 300)
    assert [tfidf.max_features for _, tfidf in encoder.tfidf.transformer_list] == [50, 100]


def test_a_network_knows_the_tags_of_its_folds_training_rows_alone() -> None:
    frame = comments(copies=2)
    frame.loc[20:, "rude"] = 1
    fold = train_fold(COMMENTS, lane("rnn"), prepared(frame), 1, seed=0, hardware=CPU)
    assert isinstance(fold.network, WideAndDeep)
    torch.testing.assert_close(fold.network.trust, torch.tensor([5 / 6, 10 / 11]))
    torch.testing.assert_close(fold.network.prior.sigmoid(), torch.tensor([5.5 / 21, 10.5 / 21]))
