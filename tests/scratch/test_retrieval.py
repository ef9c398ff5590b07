from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score

from groundwork.encoders.language import bm25
from groundwork.objectives.metrics import METRICS
from groundwork.scratch.retrieval import BM25, dcg, ndcg

WORDS = ["hinge", "brass", "door", "3", "in", "hose"]
texts = st.lists(st.sampled_from(WORDS), max_size=12)


@settings(deadline=None)
@given(st.lists(texts, min_size=1, max_size=8), texts, st.floats(0, 3), st.floats(0, 1))
def test_bm25_scores_as_the_pipelines(documents: list[list[str]], query: list[str], k1: float, b: float) -> None:
    theirs = bm25.BM25(k1, b, analyzer=list).fit(documents)
    expected = (theirs.mark([query]) @ theirs.weights(documents).T).toarray()[0]
    np.testing.assert_allclose(BM25(documents, k1, b).scores(query), expected, rtol=1e-5, atol=1e-5)


def test_bm25_by_hand() -> None:
    found = BM25([["brass", "brass", "hinge", "door"], ["hinge", "door"]]).scores(["brass"])
    # In one of two documents: log(1 + 1.5 / 1.5). Twice, in 4 words where 3 are usual: 1 - 0.75 + 0.75 * 4 / 3.
    np.testing.assert_allclose(found, [np.log(2) * 2.2 * 2 / (2 + 1.2 * 1.25), 0])


@pytest.mark.parametrize(
    ("query", "first"),
    [
        (["hinge"], 2),  # both of its words: short
        (["hinge", "unheard"], 2),
        (["rare", "door"], 1),  # a rare word outweighs one that all have
    ],
)
def test_bm25_prefers(query: list[str], first: int) -> None:
    documents = [["door", *["x"] * 8, "hinge"], ["rare", "door", "y", "z"], ["hinge", "door"], ["door", "door"]]
    assert BM25(documents).scores(query).argmax() == first


def test_bm25_counts_a_word_of_the_query_once() -> None:
    ranker = BM25([["door"], ["brass", "door"]])
    np.testing.assert_array_equal(ranker.scores(["door", "door"]), ranker.scores(["door"]))


@pytest.mark.parametrize("query", [[], ["unheard"]])
def test_bm25_of_nothing_is_zero(query: list[str]) -> None:
    np.testing.assert_array_equal(BM25([["door"], []]).scores(query), [0, 0])
    np.testing.assert_array_equal(BM25([[], []]).scores(["door"]), [0, 0])


def test_a_word_saturates() -> None:
    """Each further occurrence adds less, and all of them together no more than k1 + 1 times the rarity."""
    ranker = BM25([["door"] * times + ["x"] * (99 - times) for times in range(1, 99)])
    added = np.diff(ranker.weights("door"))
    assert (added > 0).all()
    assert (np.diff(added) < 0).all()
    assert ranker.weights("door").max() < ranker.rarity("door") * 2.2


grades = st.lists(st.integers(0, 4), min_size=2, max_size=10)


@settings(deadline=None)
@given(grades, st.randoms(use_true_random=False), st.integers(1, 12))
def test_ndcg_is_scikit_learns_and_the_pipelines(relevance: list[int], chance: Any, k: int) -> None:
    scores = [float(place) for place in range(len(relevance))]
    chance.shuffle(scores)
    expected = ndcg_score([2.0 ** np.array(relevance) - 1], [scores], k=k)
    assert ndcg(relevance, scores, k) == pytest.approx(expected, abs=1e-12)
    if any(relevance) and k == 10:
        judged = np.array(relevance, float), np.array(scores), np.zeros(len(scores))
        assert ndcg(relevance, scores, 10) == pytest.approx(METRICS["ndcg@10"].score(*judged), abs=1e-12)


@pytest.mark.parametrize("relevance", [[3.0, 2.33, 1.0, 2.67], [0, 0, 1, 2]])
def test_ndcg_agrees_with_the_pipeline_at_ten(relevance: list[float]) -> None:
    scores = np.array([0.1, 0.4, 0.3, 0.2])
    expected = METRICS["ndcg@10"].score(np.array(relevance), scores, np.zeros(4))
    assert ndcg(relevance, scores, 10) == pytest.approx(expected, abs=1e-12)
    assert ndcg(relevance, scores) == pytest.approx(expected, abs=1e-12)


def test_dcg_by_hand() -> None:
    assert dcg([3, 0, 2]) == pytest.approx(7 / 1 + 0 + 3 / 2)
    assert dcg([3, 0, 2], k=2) == pytest.approx(7)
    assert dcg([]) == 0


def test_ndcg_is_one_in_the_best_order_and_zero_without_anything_relevant() -> None:
    assert ndcg([0, 1, 3], [0.1, 0.2, 0.3]) == 1
    assert ndcg([0, 0], [2, 1]) == 0
    assert ndcg([3, 0], [-np.inf, np.inf]) == pytest.approx(1 / np.log2(3))


def test_large_grades_are_no_matter() -> None:
    assert ndcg([1000, 0], [1, 2]) == pytest.approx(1 / np.log2(3))


def test_equal_scores_stay_in_their_order() -> None:
    assert ndcg([2, 0, 1], [0, 0, 0]) == pytest.approx(dcg([2, 0, 1]) / dcg([2, 1, 0]))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: BM25([]), ValueError, "documents: found none"),
        (lambda: BM25([["a"]], k1=-1), ValueError, "found k1 -1"),
        (lambda: BM25([["a"]], k1=np.nan), ValueError, "found k1 nan"),
        (lambda: BM25([["a"]], k1=np.inf), ValueError, "found k1 inf"),
        (lambda: BM25([["a"]], b=2), ValueError, "b between 0 and 1"),
        (lambda: BM25([["a"]], b=np.nan), ValueError, "and b nan"),
        (lambda: BM25(["a door"]), TypeError, "a document: found the string 'a door'"),
        (lambda: BM25([["a"]]).scores("a door"), TypeError, "the query: found the string"),
        (lambda: ndcg([1, 2], [1]), ValueError, r"found shapes \(2,\) and \(1,\)"),
        (lambda: ndcg([1, -2], [1, 2]), ValueError, "found -2.0"),
        (lambda: ndcg([1, np.nan], [1, 2]), ValueError, "found nan"),
        (lambda: ndcg([[1, 2]], [[1, 2]]), ValueError, "of one query"),
        (lambda: ndcg([1, 2], [1, np.nan]), ValueError, "scores: found NaN"),
        (lambda: ndcg([1, 2], [1, 2], k=0), ValueError, "k: found 0"),
        (lambda: dcg([3, 2, 1], 0), ValueError, "k: found 0"),
        (lambda: dcg([3, 2, 1], -1), ValueError, "k: found -1"),
        (lambda: ndcg([np.inf, 1], [1, 2]), ValueError, "relevance: found inf"),
        (lambda: ndcg([2000, 1], [1, 2]), ValueError, "relevance: found 2000"),
        (lambda: dcg([1024]), ValueError, "relevance: found 1024"),
        (lambda: dcg([1023] * 3), ValueError, "relevance: found 1023"),  # their sum does
    ],
)
def test_wrong_input_is_named(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
