"""Each encoder from its state encodes bit by bit as it did: rows that it was fitted on, and rows that it never saw."""

import numpy as np
import pandas as pd
import pytest
import torch
from tests.encoders.test_pair import ASKED, ENCODER

from groundwork.competitions import Inputs
from groundwork.encoders import Encoder
from groundwork.encoders.history import HistoryEncoder
from groundwork.encoders.image import ImageEncoder
from groundwork.encoders.ragged import Encoded, Ragged
from groundwork.encoders.table import TableEncoder
from groundwork.encoders.text import TextEncoder
from groundwork.training.archive import pack_state, unpack_state

RNG = np.random.default_rng(0)
HALF = "half \ud83d"  # of a surrogate pair: no text that UTF-8 can write


def reread(encoder: Encoder) -> Encoder:
    return type(encoder).from_state(unpack_state(pack_state(encoder.state())))


def assert_equal(one: Encoded, other: Encoded) -> None:
    assert one.keys() == other.keys()
    for name, value in one.items():
        again = other[name]
        if isinstance(value, Ragged):
            assert isinstance(again, Ragged)
            for first, second in zip(vars(value).values(), vars(again).values(), strict=True):
                assert first.dtype == second.dtype
                assert torch.equal(first, second), name
        else:
            assert isinstance(again, torch.Tensor)
            assert value.dtype == again.dtype
            assert value.numpy().tobytes() == again.numpy().tobytes(), name


def assert_same_from_state(encoder: Encoder, *frames: pd.DataFrame) -> None:
    again = reread(encoder)
    for frame in frames:
        assert_equal(encoder.transform(frame), again.transform(frame))
    assert pack_state(again.state()) == pack_state(encoder.state())


def objects(*values: object) -> pd.Series:
    return pd.Series(values, dtype=object)


@pytest.mark.parametrize(
    "columns",
    [
        Inputs(numeric=("x", "empty"), categorical=("label", "rare"), group=("key", "none")),
        Inputs(numeric=("x",)),
        Inputs(categorical=("label",)),
        Inputs(group=("key",)),
    ],
    ids=["all", "numbers", "labels", "keys"],
)
def test_tables(columns: Inputs) -> None:
    rows = 40
    labels, keys = ["a", "漢字", HALF, "", None], ["k1", "🙂", HALF, "", None, "k2"]
    train = pd.DataFrame(
        {
            "x": np.where(np.arange(rows) % 5 == 0, np.nan, RNG.lognormal(size=rows)),
            "empty": np.nan,
            "label": objects(*(labels[i % 5] for i in range(rows))),
            "rare": objects(*(f"once {i}" for i in range(rows))),
            "key": objects(*(keys[i % 6] for i in range(rows))),
            "none": objects(*([None] * rows)),
        }
    )
    new = train.iloc[:4].assign(
        x=[np.nan, -1e300, 1e300, 0.0],
        label=objects("never seen", None, HALF, "a"),
        rare=objects("once 3", "never", None, HALF),
        key=objects("never seen", None, HALF, "k1"),
        none=objects("a", None, "b", HALF),
    )
    encoder = TableEncoder(columns, clip=0, min_category_count=5, group_smoothing=2, bins=4)
    encoder.fit_transform(train, RNG.random((rows, 2)))
    assert_same_from_state(encoder, train, new, train[:0])


def test_texts() -> None:
    texts = ["You wrote the book", "a dolt, a DOLT", "naïve 漢字 🙂", HALF, None, ""] * 4
    train = pd.DataFrame({"text": objects(*texts)})
    encoder = TextEncoder("text", subwords=300, length=6, words=50, ngrams=400)
    encoder.fit_transform(train, RNG.integers(0, 2, (len(texts), 2)).astype(float))
    new = pd.DataFrame({"text": objects("never seen: 漢字 漢", None, HALF * 3, "the d0lt wrote", "\x00")})
    assert_same_from_state(encoder, train, new)
    again = reread(encoder)
    assert isinstance(again, TextEncoder)
    assert (again.terms, len(again.subwords)) == (encoder.terms, len(encoder.subwords))


def test_pictures() -> None:
    frame = pd.DataFrame(RNG.integers(0, 256, (9, 6)).astype(np.uint8), columns=[f"é{i}" for i in range(6)])
    encoder = ImageEncoder(list(frame.columns), (2, 3))
    encoder.fit_transform(frame, np.zeros((9, 1)))
    assert_same_from_state(encoder, frame, 255 - frame)


def test_pairs() -> None:
    strange = ASKED.iloc[:1].assign(search_term="naïve 漢字 6' fuacet")
    assert_same_from_state(ENCODER, ASKED, strange)


@pytest.mark.parametrize("spans", [None, 1])
def test_histories(spans: int | None) -> None:
    log = pd.DataFrame(
        {
            "customer": np.repeat(np.arange(5, dtype=np.int32), 6),
            "article": RNG.integers(0, 4, 30).astype(np.int32),
            "day": np.tile(np.arange(1, 7, dtype=np.int16), 5),
        }
    )
    articles = pd.DataFrame({"colour": ["red", "漢", "", "red"], "shape": list("aabb")})
    encoder = HistoryEncoder(articles, length=3, days=2, spans=spans)
    encoder.fit_transform(log, np.empty((30, 0)))
    again = reread(encoder)
    assert isinstance(again, HistoryEncoder)
    later = pd.DataFrame({"customer": np.arange(7, dtype=np.int32), "day": np.int16(7)})
    first, second = encoder.transform(later), again.transform(later)
    for name in first:
        assert torch.equal(first[name][:], second[name][:])
    # What prediction does not need is not in the state.
    assert len(again.bought) == 15
    assert pack_state(reread(again).state()) == pack_state(again.state())
