import math

import numpy as np

from groundwork.encoders.language.bm25 import BM25, paired
from groundwork.training.archive import pack_state, unpack_state

DOCUMENTS = [["angle", "bracket", "steel"], ["steel", "hinge"], ["angle", "angle", "valve", "brass"]]


def by_hand(query: list[str], document: list[str], k1: float, b: float) -> float:
    average, score = 3.0, 0.0
    for word in set(query):
        held = sum(word in other for other in DOCUMENTS)
        rarity = math.log(1 + (3 - held + 0.5) / (held + 0.5))
        count = document.count(word)
        score += rarity * count * (k1 + 1) / (count + k1 * (1 - b + b * len(document) / average))
    return score


def test_scores_are_those_of_the_formula() -> None:
    queries = [["angle", "bracket"], ["steel"], ["angle", "angle", "unknown"], []]
    for k1, b in ((1.2, 0.75), (2.0, 0.0), (0.5, 1.0)):
        bm25 = BM25(k1, b, analyzer=list).fit(DOCUMENTS)
        scores = (bm25.mark(queries) @ bm25.weights(DOCUMENTS).T).toarray()
        expected = [[by_hand(query, document, k1, b) for document in DOCUMENTS] for query in queries]
        np.testing.assert_allclose(scores, expected, rtol=1e-5)


def test_pairs_score_as_one_query_against_all() -> None:
    bm25 = BM25(analyzer=list).fit(DOCUMENTS)
    asked, held = bm25.mark([["angle"], ["steel", "hinge"]]), bm25.weights(DOCUMENTS)
    every = (asked @ held.T).toarray()
    np.testing.assert_allclose(paired(asked[[0, 1, 1]], held[[2, 0, 1]]), every[[0, 1, 1], [2, 0, 1]], rtol=1e-6)


def test_a_word_of_no_document_is_the_rarest() -> None:
    rarities = BM25(analyzer=list).fit(DOCUMENTS).rarities(["steel", "brass", "unknown"])
    np.testing.assert_allclose(rarities, [math.log(1 + 1.5 / 2.5), math.log(1 + 2.5 / 1.5), math.log(8)], rtol=1e-6)


def test_unseen_documents_are_weighed_too() -> None:
    bm25 = BM25(analyzer=list).fit(DOCUMENTS)
    score = paired(bm25.mark([["gasket"]]), bm25.weights([["gasket", "steel", "ring"]]))
    np.testing.assert_allclose(score, math.log(8), rtol=1e-6)  # of average length, once: the weight is the rarity


def test_documents_without_words_are_no_error() -> None:
    bm25 = BM25(analyzer=list).fit([[], []])
    assert not paired(bm25.mark([["angle"], []]), bm25.weights([[], ["angle"]])).any()


def test_texts_may_be_cut_into_runs_of_characters() -> None:
    bm25 = BM25(analyzer="char_wb", ngram_range=(3, 3)).fit(["steel bracket", "brass valve"])
    score = paired(bm25.mark(["brackets", "pipe"]), bm25.weights(["steel bracket", "steel bracket"]))
    assert score[0] > 0 == score[1]


def test_weights_are_the_same_from_a_file() -> None:
    bm25 = BM25(analyzer=list).fit(DOCUMENTS)
    written = pack_state(bm25.state())
    loaded = BM25.from_state(unpack_state(written), analyzer=list)
    np.testing.assert_array_equal(loaded.rarity, bm25.rarity)
    assert (loaded.weights(DOCUMENTS) != bm25.weights(DOCUMENTS)).nnz == 0
    np.testing.assert_array_equal(loaded.rarities(["unknown"]), bm25.rarities(["unknown"]))
    assert sum(map(len, written.values())) < 10_000
