"""Computes lexical signals of how well a query and a product title match: words, parts of words, measures."""

from collections import Counter
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from groundwork.encoders.language.words import STOP, UNITS, is_number, stem

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Text:
    """A query or a title, with cached properties for repeated look-ups.

    Attributes
    ----------
    words
        The words, as split by `groundwork.encoders.language.words.words`.
    """

    words: tuple[str, ...]

    @cached_property
    def stems(self) -> tuple[str, ...]:
        """Return the stems of the words."""
        return tuple(map(stem, self.words))

    @cached_property
    def content(self) -> tuple[str, ...]:
        """Return the stems that are neither stop words nor units, or all stems if there are none."""
        return tuple(word for word in self.stems if word not in STOP and word not in UNITS) or self.stems

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Return the content words that are not numbers, each once."""
        return tuple(dict.fromkeys(word for word in self.content if not is_number(word)))

    @cached_property
    def places(self) -> dict[str, int]:
        """Return the first position of each stem."""
        return {word: place for place, word in reversed(list(enumerate(self.stems)))}

    @cached_property
    def follow(self) -> set[tuple[str, str]]:
        """Return the pairs of adjacent stems."""
        return set(pairwise(self.stems))

    @cached_property
    def joined(self) -> str:
        """Return all words joined without blanks."""
        return "".join(self.words)

    @cached_property
    def trigrams(self) -> Counter[str]:
        """Count the character trigrams, across words."""
        text = " ".join(self.words)
        return Counter(text[start : start + 3] for start in range(len(text) - 2))

    @cached_property
    def measures(self) -> list[tuple[str, str]]:
        """Return the numbers and their units, "" for none."""
        after = (*self.words, "")[1:]
        return [
            (word, unit if unit in UNITS else "")
            for word, unit in zip(self.words, after, strict=True)
            if is_number(word)
        ]

    @cached_property
    def noun(self) -> str:
        """Return the noun that names the product: the last name before "with", "for" or "in"; "" if there is none."""
        noun = ""
        for word in self.words:
            if noun and word in ("with", "for", "in"):
                break
            if not is_number(word) and word not in UNITS and word not in STOP:
                noun = word
        return stem(noun) if noun else ""

    @cached_property
    def last(self) -> str:
        """Return the last name; "" if there is none."""
        return self.names[-1] if self.names else ""


def signals(query: Text, title: Text, rarity: dict[str, float], similarity: "WordSimilarity") -> dict[str, float]:
    """Compute the signals of a query and a title, by name.

    Parameters
    ----------
    rarity
        Inverse document frequency of every stem of both.
    similarity
        Computes and caches the similarity of words.
    """
    content, places, length = query.content, title.places, max(len(title.stems), 1)
    count = max(len(content), 1)
    weights = [rarity[word] for word in content]
    total = sum(weights) or 1.0
    present = [word in places for word in content]
    missed = [weight for weight, is_present in zip(weights, present, strict=True) if not is_present]
    alike = [
        1.0 if is_present else similarity.best(word, title) for word, is_present in zip(content, present, strict=True)
    ]
    alike_by_word = dict(zip(content, alike, strict=True))
    pairs = list(pairwise(content))
    numbers, units = {number for number, _ in title.measures}, {unit for _, unit in title.measures}
    shared = sum((query.trigrams & title.trigrams).values())
    runs, title_runs = max(query.trigrams.total(), 1), max(title.trigrams.total(), 1)
    where = [places[word] for word in content if word in places]
    return {
        "words": len(content),
        "title_words": length,
        "letters": len(query.joined),
        "share": sum(present) / count,
        "rare_share": 1 - sum(missed) / total,
        "found": sum(present),
        "missed": len(missed),
        "rarest_missed": max(missed, default=0.0),
        "share_of_title": (total - sum(missed)) / (sum(rarity[word] for word in title.names) + 1e-6),
        "alike": sum(alike) / count,
        "least_alike": min(alike, default=0.0),
        "rare_alike": sum(map(float.__mul__, map(float, weights), alike)) / total,
        "last_found": query.last in places,
        "last_alike": alike_by_word.get(query.last, 0.0),
        "last_rarity": rarity.get(query.last, 0.0),
        "last_place": places[query.last] / length if query.last in places else -1.0,
        "first_place": min(where, default=-1) / length,
        "furthest_place": max(where, default=-1) / length,
        "first_found": bool(content) and content[0] in places,
        "noun_found": query.noun in places,
        "noun_alike": 1.0 if query.noun in places else similarity.best(query.noun, title),
        "title_noun_asked": title.noun in content,
        "title_noun_is_last": title.noun in (query.last, query.noun),
        "title_noun_alike": similarity.best(title.noun, query),
        "title_begins": bool(title.names) and title.names[0] in content,
        "side_by_side": sum(pair in title.follow for pair in pairs) / max(len(pairs), 1),
        "as_one": bool(query.joined) and query.joined in title.joined,
        "measures": len(query.measures),
        "title_measures": len(title.measures),
        "numbers": sum(number in numbers for number, _ in query.measures) / len(query.measures)
        if query.measures
        else -1.0,
        "same_measure": sum(measure in title.measures for measure in query.measures if measure[1]),
        "other_measure": sum(
            measure[1] in units and measure not in title.measures for measure in query.measures if measure[1]
        ),
        "trigrams": shared / runs,
        "all_trigrams": shared / (runs + title_runs - shared),
    }


class WordSimilarity:
    """Similarity of words by their common trigrams (Dice coefficient), cached."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, str], float] = {}

    def best(self, word: str, text: Text) -> float:
        """Return the similarity of `word` to the most similar name of `text`, 0 to 1; 0.9 if `text` contains it."""
        if not word or is_number(word):
            return 0.0
        best = 0.9 if len(word) > 3 and word in text.joined else 0.0
        for name in text.names:
            pair = (word, name)
            if pair not in self.known:
                first, second = _trigrams(word), _trigrams(name)
                self.known[pair] = 2 * len(first & second) / (len(first) + len(second))
            best = max(best, self.known[pair])
        return best


@cache
def _trigrams(word: str) -> frozenset[str]:
    marked = f"#{word}#"
    return frozenset(marked[start : start + 3] for start in range(len(marked) - 2))


def nearest_words(query: Vectors, weights: Vectors, title: Vectors) -> tuple[float, float]:
    """Return the cosine of each query word and its nearest title word: the weighted mean, and the minimum.

    Parameters
    ----------
    query, title
        Unit vectors of the words, ``[words, width]`` each.
    weights
        Weights of the query's words, ``[words]``.
    """
    if not len(query) or not len(title):
        return 0.0, 0.0
    nearest = (query @ title.T).max(1)
    return float(nearest @ weights / max(weights.sum(), 1e-6)), float(nearest.min())
