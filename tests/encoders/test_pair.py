from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from tests.training.products import PRODUCTS, lane, rows
from tests.training.tiny import CPU, in_memory

from groundwork.encoders.pair import PairEncoder
from groundwork.training.archive import pack_state, unpack_state
from groundwork.training.fold import train_fold

PAIR = PRODUCTS.inputs.pair
assert PAIR is not None
TITLE = PAIR.fields[0]
FRAME = rows(240)
SEEN, ASKED = FRAME[:160], FRAME[160:]
NOTHING = np.empty((160, 0))


def fitted() -> PairEncoder:
    encoder = PairEncoder(PAIR, vocabulary=600, query_length=8, document_length=20, width=16, bins=4)
    encoder.fit_transform(SEEN, NOTHING)
    return encoder


ENCODER = fitted()


def one_row(**values: str) -> pd.DataFrame:
    return ASKED.iloc[[0]].assign(**values)


def test_rows_are_signals_and_two_texts() -> None:
    encoded = ENCODER.transform(ASKED)
    signals = encoded["signals"]
    assert isinstance(signals, torch.Tensor)
    assert signals.dtype == torch.float32
    assert signals.shape == (80, len(ENCODER.edges))
    assert signals.isfinite().all()
    query, document = encoded["query"][:], encoded["document"][:]
    assert query.shape == (80, 8)
    assert document.shape == (80, 20)
    assert int(query.max()) <= len(ENCODER.subwords)


def test_training_rows_signals_are_standardized() -> None:
    encoder = PairEncoder(PAIR, vocabulary=600, query_length=8, document_length=20, width=16, bins=4)
    signals = encoder.fit_transform(SEEN, NOTHING)["signals"][:].numpy()
    assert np.abs(signals.mean(0)).max() < 0.2  # what is far out was pulled in
    assert ((signals.std(0) > 0.8) | (signals.std(0) < 1e-6)).all()
    edges = encoder.edges.numpy()
    np.testing.assert_array_equal(edges[:, [0, -1]], np.stack([signals.min(0), signals.max(0)], 1))


def test_a_rows_encoding_depends_on_no_other_row() -> None:
    together = ENCODER.transform(ASKED)
    for row in (0, 17, 79):
        alone = ENCODER.transform(ASKED.iloc[[row]])
        assert torch.equal(alone["query"][:][0], together["query"][torch.tensor([row])][0])
        np.testing.assert_allclose(alone["signals"][:][0], together["signals"][row], atol=1e-5)


def test_a_pair_that_comes_twice_is_encoded_twice_the_same() -> None:
    encoded = ENCODER.transform(ASKED.iloc[[3, 5, 3]])
    for values in encoded.values():
        assert torch.equal(values[torch.tensor([0])], values[torch.tensor([2])])


def test_the_same_product_with_another_text_is_read_anew() -> None:
    pair = pd.concat([one_row(**{TITLE: "Brass Valve"}), one_row(**{TITLE: "Steel Hinge"})])
    document = ENCODER.transform(pair)["document"][:]
    assert not torch.equal(document[0], document[1])


@pytest.mark.parametrize("query", ["", "🔨", "qqqqqqq xyzzyx", "the of", "5", "a" * 3000])
def test_every_query_is_encoded(query: str) -> None:
    signals = ENCODER.transform(one_row(**{PAIR.query: query}))["signals"][:]
    assert signals.isfinite().all()


def test_a_product_without_any_text_is_encoded() -> None:
    encoded = ENCODER.transform(one_row(**dict.fromkeys(PAIR.fields, "")))
    assert not encoded["document"][:].any()
    assert encoded["signals"][:].isfinite().all()


def test_a_column_that_is_missing_in_places_counts_as_empty() -> None:
    gaps = ASKED.assign(brand=None, **{PAIR.query: None})
    empty = ASKED.assign(brand="", **{PAIR.query: ""})
    assert torch.equal(ENCODER.transform(gaps)["signals"][:], ENCODER.transform(empty)["signals"][:])


def test_a_misspelt_query_is_read_as_it_was_meant() -> None:
    right, wrong = (ENCODER.transform(one_row(**{PAIR.query: text})) for text in ("angle bracket", "angel brackt"))
    assert torch.equal(right["query"][:], wrong["query"][:])


def test_all_fields_count() -> None:
    here = {"brand": "", "attributes": "", "product_description": "", TITLE: "Hinge", PAIR.query: "galvanized hinge"}
    without, within = (
        ENCODER.transform(one_row(**here | {"product_description": text}))["signals"][0]
        for text in ("", "Galvanized for years")
    )
    assert not torch.equal(without, within)


def test_no_validation_row_reaches_the_fit() -> None:
    fold = pd.DataFrame({"id": FRAME["id"], "fold": (np.arange(len(FRAME)) % 2).astype("int8")})
    kept = in_memory(FRAME)
    other = FRAME.copy()
    judged = (fold["fold"] == 0).to_numpy()
    for name in PRODUCTS.inputs.labels:
        other.loc[judged, name] = [f"zebra {number} {name}" for number in range(judged.sum())]
    other.loc[judged, "relevance"] = 1.0
    trained = [
        train_fold(PRODUCTS, lane(epochs=1), replace(kept, train=train, fold=fold, folds=[0, 1]), 0, 0, CPU)
        for train in (FRAME, other)
    ]
    first, second = (pack_state(one.encoder.state()) for one in trained)
    assert first == second
    assert all(torch.equal(weights, trained[1].weights[name]) for name, weights in trained[0].weights.items())
    assert trained[0].validation is not None
    assert trained[0].validation["prediction"].nunique() > 30


def test_an_encoder_from_its_file_encodes_bit_by_bit_the_same() -> None:
    loaded = PairEncoder.from_state(unpack_state(pack_state(ENCODER.state())))
    first, again = ENCODER.transform(ASKED), loaded.transform(ASKED)
    assert all(torch.equal(first[name][:], again[name][:]) for name in first)
