"""What a query and a product have in common, in numbers: whole words, parts of words, measures, meaning."""

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
    """A query or a title, and what is looked up in it again and again.

    Attributes
    ----------
    words
        As `groundwork.encoders.language.words.words` cuts it.
    """

    words: tuple[str, ...]

    @cached_property
    def stems(self) -> tuple[str, ...]:
        """Stems of the words."""
        return tuple(map(stem, self.words))

    @cached_property
    def content(self) -> tuple[str, ...]:
        """Stems that say something by themselves; all, if there is none."""
        return tuple(one for one in self.stems if one not in STOP and one not in UNITS) or self.stems

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Content that is no number, each word once."""
        return tuple(dict.fromkeys(one for one in self.content if not is_number(one)))

    @cached_property
    def places(self) -> dict[str, int]:
        """Where each stem stands first."""
        return {one: place for place, one in reversed(list(enumerate(self.stems)))}

    @cached_property
    def follow(self) -> set[tuple[str, str]]:
        """Stems that stand side by side."""
        return set(pairwise(self.stems))

    @cached_property
    def joined(self) -> str:
        """All words written as one."""
        return "".join(self.words)

    @cached_property
    def trigrams(self) -> Counter[str]:
        """Runs of three characters, across words."""
        text = " ".join(self.words)
        return Counter(text[start : start + 3] for start in range(len(text) - 2))

    @cached_property
    def measures(self) -> list[tuple[str, str]]:
        """Numbers and their units, "" for none."""
        after = (*self.words, "")[1:]
        return [
            (one, unit if unit in UNITS else "") for one, unit in zip(self.words, after, strict=True) if is_number(one)
        ]

    @cached_property
    def noun(self) -> str:
        """What the thing is: the last name before "with", "for" or "in"; "" if there is none."""
        found = ""
        for word in self.words:
            if found and word in ("with", "for", "in"):
                break
            if not is_number(word) and word not in UNITS and word not in STOP:
                found = word
        return stem(found) if found else ""

    @cached_property
    def last(self) -> str:
        """The last name; "" if there is none."""
        return self.names[-1] if self.names else ""


def signals(query: Text, title: Text, rarity: dict[str, float], near: "Likeness") -> dict[str, float]:
    """Hold a query against a title.

    Parameters
    ----------
    rarity
        Inverse document frequency of every stem in both.
    near
        Remembers how alike words are.
    """
    asked, places, length = query.content, title.places, max(len(title.stems), 1)
    count = max(len(asked), 1)
    weights = [rarity[one] for one in asked]
    total = sum(weights) or 1.0
    found = [one in places for one in asked]
    missed = [weight for weight, there in zip(weights, found, strict=True) if not there]
    alike = [1.0 if there else near.best(one, title) for one, there in zip(asked, found, strict=True)]
    said = dict(zip(asked, alike, strict=True))
    pairs = list(pairwise(asked))
    numbers, units = {number for number, _ in title.measures}, {unit for _, unit in title.measures}
    shared = sum((query.trigrams & title.trigrams).values())
    runs, title_runs = max(query.trigrams.total(), 1), max(title.trigrams.total(), 1)
    where = [places[one] for one in asked if one in places]
    return {
        "words": len(asked),
        "title_words": length,
        "letters": len(query.joined),
        "share": sum(found) / count,
        "rare_share": 1 - sum(missed) / total,
        "found": sum(found),
        "missed": len(missed),
        "rarest_missed": max(missed, default=0.0),
        "share_of_title": (total - sum(missed)) / (sum(rarity[one] for one in title.names) + 1e-6),
        "alike": sum(alike) / count,
        "least_alike": min(alike, default=0.0),
        "rare_alike": sum(map(float.__mul__, map(float, weights), alike)) / total,
        "last_found": query.last in places,
        "last_alike": said.get(query.last, 0.0),
        "last_rarity": rarity.get(query.last, 0.0),
        "last_place": places[query.last] / length if query.last in places else -1.0,
        "first_place": min(where, default=-1) / length,
        "furthest_place": max(where, default=-1) / length,
        "first_found": bool(asked) and asked[0] in places,
        "noun_found": query.noun in places,
        "noun_alike": 1.0 if query.noun in places else near.best(query.noun, title),
        "title_noun_asked": title.noun in asked,
        "title_noun_is_last": title.noun in (query.last, query.noun),
        "title_noun_alike": near.best(title.noun, query),
        "title_begins": bool(title.names) and title.names[0] in asked,
        "side_by_side": sum(pair in title.follow for pair in pairs) / max(len(pairs), 1),
        "as_one": bool(query.joined) and query.joined in title.joined,
        "measures": len(query.measures),
        "title_measures": len(title.measures),
        "numbers": sum(number in numbers for number, _ in query.measures) / len(query.measures)
        if query.measures
        else -1.0,
        "same_measure": sum(one in title.measures for one in query.measures if one[1]),
        "other_measure": sum(one[1] in units and one not in title.measures for one in query.measures if one[1]),
        "trigrams": shared / runs,
        "all_trigrams": shared / (runs + title_runs - shared),
    }


class Likeness:
    """How alike words are by the trigrams that they share (Dice), remembered."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, str], float] = {}

    def best(self, word: str, text: Text) -> float:
        """How alike `word` is to the most alike name of `text`, 0 to 1; a part of its letters is very much alike."""
        if not word or is_number(word):
            return 0.0
        best = 0.9 if len(word) > 3 and word in text.joined else 0.0
        for other in text.names:
            pair = (word, other)
            if pair not in self.known:
                one, two = _trigrams(word), _trigrams(other)
                self.known[pair] = 2 * len(one & two) / (len(one) + len(two))
            best = max(best, self.known[pair])
        return best


@cache
def _trigrams(word: str) -> frozenset[str]:
    marked = f"#{word}#"
    return frozenset(marked[start : start + 3] for start in range(len(marked) - 2))


def meant(asked: Vectors, weights: Vectors, said: Vectors) -> tuple[float, float]:
    """How near the words of a query are to their nearest in a title: the weighted mean, and the least.

    Parameters
    ----------
    asked, said
        Unit vectors of the words, ``[words, width]`` each.
    weights
        Of the query's words, ``[words]``.
    """
    if not len(asked) or not len(said):
        return 0.0, 0.0
    nearest = (asked @ said.T).max(1)
    return float(nearest @ weights / max(weights.sum(), 1e-6)), float(nearest.min())
