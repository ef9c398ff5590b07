import io

import numpy as np
import pandas as pd
import pytest
import torch

from groundwork.competitions import toxic_comments
from groundwork.encoders.ragged import Encoded, Ragged
from groundwork.encoders.text import TextEncoder
from groundwork.errors import UserError
from groundwork.training.batches import Batches, Rows

TEXTS = [
    "You wrote the history of Vienna.",
    "The film is fine, the book is fine",
    "You dolt! You wrote a fine book.",
] * 4
TAGS = np.array([[1, 0], [0, 0], [1, 1]] * 4, dtype=float)


def frame(texts: list[str | None]) -> pd.DataFrame:
    return pd.DataFrame({"text": pd.Series(texts, dtype=object)})


def encoder(length: int = 64) -> TextEncoder:
    return TextEncoder("text", subwords=300, length=length, words=50, ngrams=400)


def fitted(texts: list[str] = TEXTS, length: int = 64) -> TextEncoder:
    one = encoder(length)
    one.fit_transform(frame(list(texts)), TAGS[: len(texts)])
    return one


def row(encoded: Encoded, number: int) -> dict[str, list[float]]:
    cut = {}
    for name, ragged in encoded.items():
        assert isinstance(ragged, Ragged)
        cut[name] = ragged[torch.tensor([number])][0, : ragged.lengths[number]].tolist()
    return cut


def test_terms_weigh_what_scikit_learns_tfidf_says() -> None:
    one = encoder()
    encoded = one.fit_transform(frame(list(TEXTS)), TAGS)
    names, expected = one.tfidf.get_feature_names_out(), one.tfidf.transform(TEXTS).toarray()
    assert one.terms == len(names) == expected.shape[1]
    for number in range(len(TEXTS)):
        found = np.zeros(one.terms)
        cut = row(encoded, number)
        found[np.array(cut["terms"]) - 1] = cut["weights"]
        np.testing.assert_array_equal(found, expected[number].astype(np.float64))
    assert {"words__vienna", "words__dolt", "ngrams__dol"} <= set(names)
    assert "words__the" not in names  # a stop word
    assert {name: ragged.values.dtype for name, ragged in encoded.items() if isinstance(ragged, Ragged)} == {
        "tokens": torch.int64,
        "terms": torch.int32,
        "weights": torch.float32,
    }


def test_tokens_decide_which_rows_share_a_batch() -> None:
    assert next(iter(encoder().fit_transform(frame(list(TEXTS)), TAGS))) == "tokens"


def test_nothing_is_learned_from_later_rows() -> None:
    """A word that only later rows hold has no token and no term, and meeting it changes nothing."""
    one = fitted()
    before = one.transform(frame(["You wrote a book"]))
    met = one.transform(frame(["zxqzxq zxqzxq zxqzxq", "You wrote a book"] * 50))
    assert row(before, 0) == row(met, 1) == row(one.transform(frame(["You wrote a book"])), 0)
    strange = row(met, 0)
    assert strange["terms"] == []
    assert len(strange["tokens"]) > 3 * 4  # spelt by its letters
    assert not any("zx" in name for name in one.tfidf.get_feature_names_out())
    among = encoder()
    among.fit_transform(frame([*TEXTS, "zxqzxq zxqzxq zxqzxq"]), np.vstack([TAGS, TAGS[:1]]))
    learned = row(among.transform(frame(["zxqzxq zxqzxq zxqzxq"])), 0)
    assert learned["terms"]
    assert len(learned["tokens"]) < len(strange["tokens"])


@pytest.mark.parametrize("text", [None, float("nan"), ""])
def test_a_missing_text_is_an_empty_one(text: str | None) -> None:
    encoded = fitted().transform(frame([text, TEXTS[0]]))
    assert row(encoded, 0) == {"tokens": [], "terms": [], "weights": []}
    assert row(encoded, 1)["tokens"]
    column = fitted().transform(frame([text, TEXTS[0]]).astype("str"))
    assert row(column, 0) == row(encoded, 0)


@pytest.mark.parametrize(
    "text", ["x" * 20_000, "book " * 4_000, "😀" * 5_000, "\ud83d half \udfff", "\x00\x1b[0m", " \n"]
)
def test_any_text_is_encoded(text: str) -> None:
    one = encoder()
    for encoded in (
        one.fit_transform(frame([*TEXTS, text]), np.vstack([TAGS, TAGS[:1]])),
        one.transform(frame([text])),
    ):
        cut = row(encoded, len(encoded["tokens"]) - 1)
        assert 0 < len(cut["tokens"]) <= 64
        assert all(1 <= token <= len(one.subwords) for token in cut["tokens"])
        assert len(cut["terms"]) == len(cut["weights"]) == len(set(cut["terms"]))
        assert np.isfinite(cut["weights"]).all()


def test_a_long_text_keeps_its_head_and_its_tail_but_all_of_its_terms() -> None:
    one = fitted(length=8)
    short, text = one.transform(frame(["Vienna " + "film " * 50 + "book"])), "Vienna " + "film " * 50 + "book"
    tokens = row(short, 0)["tokens"]
    assert len(tokens) == 8
    whole = one.subwords([text], 1000).values.tolist()
    assert tokens == whole[:4] + whole[-4:]
    names = one.tfidf.get_feature_names_out()
    words = {names[int(term) - 1] for term in row(short, 0)["terms"]}
    assert {"words__vienna", "words__film", "words__book"} <= words


@pytest.mark.parametrize("texts", [["", " "], ["\U0001f600"], ["the of and"]])
def test_training_rows_without_a_word_are_refused_by_their_column(texts: list[str]) -> None:
    with pytest.raises(UserError, match=r"column 'text': \d training rows contain no words"):
        encoder().fit_transform(frame(list(texts)), np.zeros((len(texts), 1)))


def test_a_saved_encoder_encodes_bit_by_bit_the_same() -> None:
    one = fitted()
    buffer = io.BytesIO()
    torch.save(one, buffer)
    buffer.seek(0)
    loaded = torch.load(buffer, weights_only=False)
    first, again = one.transform(frame(list(TEXTS))), loaded.transform(frame(list(TEXTS)))
    assert [row(first, number) for number in range(12)] == [row(again, number) for number in range(12)]


def test_little_of_a_mini_batch_is_padding() -> None:
    tables = toxic_comments.competition.sample(np.random.default_rng(0))
    comments = tables["train.csv"]
    assert isinstance(comments, pd.DataFrame)
    one = TextEncoder("comment_text", subwords=4000, length=256, words=10000, ngrams=50000)
    encoded = one.fit_transform(comments, comments[list(toxic_comments.TAGS)].to_numpy(float))
    tokens = encoded["tokens"]
    assert isinstance(tokens, Ragged)

    def padding(batches: tuple[torch.Tensor, ...]) -> float:
        filled = sum(tokens[batch].numel() for batch in batches)
        return 1 - int(tokens.lengths.sum()) / filled

    batches = Batches.seeded(Rows(encoded, torch.zeros(len(comments))), 32, seed=0)
    assert padding(batches.epoch()) < 0.15
    assert padding(torch.arange(len(comments)).tensor_split(batches.steps)) > 0.5
