"""Splits product titles and queries into words with a uniform spelling of numbers, units and stems; corrects typos.

Queries and titles are written differently: 6', 6 ft., 6-foot; 1 1/2, 1-1/2, 1.5; brackets; fuacet.
"""

import html
import re
import sys
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable
from functools import cache, lru_cache
from typing import Self

import numpy as np

from groundwork.state import State, array, scalar, texts

# The uniform spelling of each unit, and its spellings after a number.
UNITS = {
    "inch": r"inches|inch|in|''|\"",
    "ft": r"feet|foot|ft|'",
    "sqft": r"sqft|sf",
    "cuft": r"cuft|cf",
    "gal": r"gallons?|gal",
    "oz": r"ounces?|oz",
    "lb": r"pounds?|lbs?",
    "yd": r"yards?|yds?",
    "mm": r"millimeters?|mm",
    "cm": r"centimeters?|cm",
    "amp": r"amperes?|amps?",
    "volt": r"volts?|v",
    "watt": r"watts?|w",
    "btu": r"btus?",
    "qt": r"quarts?|qt",
    "pk": r"packs?|pk|pieces?|pcs?|ct|count",
    "ga": r"gauge|ga",
    "hp": r"horsepower|hp",
    "deg": r"degrees?|deg",
}
# Stop words; x, w, h, d and l occur between and after measures.
STOP = frozenset("a an and the of for with in on to by at or from is x w h d l".split())

FRACTION = "[¼½¾⅐-⅞]"
_SIGNS = str.maketrans(
    {
        "\N{FRACTION SLASH}": "/",
        "\N{PRIME}": "'",
        "\N{RIGHT SINGLE QUOTATION MARK}": "'",
        "\N{DOUBLE PRIME}": '"',
        "\N{RIGHT DOUBLE QUOTATION MARK}": '"',
        "\N{MULTIPLICATION SIGN}": "x",
        "\N{MASCULINE ORDINAL INDICATOR}": "\N{DEGREE SIGN}",
    }
)
_RULES = [
    (re.compile(pattern), form)
    for pattern, form in [
        (r"<[a-z/][^<>]*>", " "),
        ("°", " deg "),
        (r"(\d),(?=\d{3})", r"\1"),
        (r"sq(?:uare|\.)?[\s-]*(?:feet|foot|ft)\b\.?", "sqft"),
        (r"cu(?:bic|\.)?[\s-]*(?:feet|foot|ft)\b\.?", "cuft"),
        (r"(\d)\s*[-\s]\s*(\d+/\d)", r"\1_\2"),  # 1-1/2 and 1 1/2
        (r"(\d\s*(?:in|ft|'|\")?\.?)\s*(?:x|\*|by)\s*(?=\d)", r"\1 x "),  # 2x4, 8'x10'
    ]
]
_UNIT = re.compile(
    r"(\d)[\s-]*(?:" + "|".join(f"(?P<{unit}>{ways})" for unit, ways in UNITS.items()) + r")(?![^\W\d_])\.?"
)
_WORD = re.compile(
    r"(?P<whole>\d{1,9})_(?P<above>\d{1,9})/(?P<below>\d{1,9})|\d{1,9}/\d{1,9}|\d{0,9}\.\d{1,9}|\d+|[^\W\d_]+"
)


@lru_cache(1 << 18)
def words(text: str) -> tuple[str, ...]:
    """Split a text into words, numbers and units with a uniform spelling.

    Examples
    --------
    >>> words("1-1/2 in. x 6' Brackets")
    ('1.5', 'inch', 'x', '6', 'ft', 'brackets')
    """
    text = re.sub(rf"(\d)(?={FRACTION})", r"\1 ", html.unescape(html.unescape(text)).translate(_SIGNS))
    # Few people type accents.
    if not text.isascii():
        text = "".join(sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign))
    text = " ".join(text.translate(_SIGNS).lower().split())
    for pattern, form in _RULES:
        text = pattern.sub(form, text)
    text = _UNIT.sub(lambda measure: f"{measure[1]} {measure.lastgroup} ", text)
    parts = (_number(match) if match[0][0] in ".0123456789" else match[0] for match in _WORD.finditer(text))
    return tuple(map(sys.intern, parts))


def _number(match: re.Match[str]) -> str:
    """Write 1_1/2, 1.50 and 1.5 as 1.5; a number too long for a measure stays unchanged."""
    text = match[0]
    if text.isdigit():
        return text.lstrip("0") or "0"
    whole, above, below = match["whole"] or "0", match["above"], match["below"]
    if above is None and "/" in text:
        above, below = text.split("/")
    if above is None:
        value = float(text)
    elif int(below) == 0:
        return text
    else:
        value = float(whole) + int(above) / int(below)
    return f"{value:.4f}".rstrip("0").rstrip(".")


def is_number(word: str) -> bool:
    """Return whether a word of `words` is a number."""
    return word[0].isdecimal()


@cache
def stem(word: str) -> str:
    """Remove the endings that often differ between titles and queries: plurals, -ing, -ed, -er, a final e.

    Lighter than Porter's stemmer (https://tartarus.org/martin/PorterStemmer/): product names are nouns.
    """
    if len(word) < 4 or is_number(word):
        return word
    if word.endswith("ies") and len(word) > 4:
        word = word[:-3] + "y"
    elif word.endswith(("sses", "shes", "ches", "xes", "zes")):
        word = word[:-2]
    elif word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for ending, shortest in (("ing", 6), ("ed", 5), ("er", 7)):
        if word.endswith(ending) and len(word) >= shortest:
            word = word[: -len(ending)]
            break
    if len(word) > 4 and word[-1] == word[-2] and word[-1] not in "ls":
        word = word[:-1]
    return word[:-1] if len(word) > 4 and word[-1] == "e" else word


class Speller:
    """Corrects words that are not in a catalogue to words that are.

    Words within one edit of each other have a form in common after deleting at most one letter from each, so a look-up
    of these forms finds them: SymSpell, https://github.com/wolfgarbe/SymSpell. A word without such a neighbour may be
    split into two words.

    Parameters
    ----------
    texts
        The texts of the catalogue, as split by `words`.
    known
        A word in at least this many texts is not corrected.
    frequent
        A correction must be in at least this many texts.
    """

    def __init__(self, texts: Iterable[Iterable[str]], known: int = 2, frequent: int = 3) -> None:
        self.known, self.frequent = known, frequent
        self.counts = Counter(word for text in texts for word in set(text))
        self._index()

    def _index(self) -> None:
        self.corrected: dict[str, tuple[str, ...]] = {}
        self.neighbours: dict[str, list[str]] = defaultdict(list)
        for word, count in self.counts.items():
            if count >= self.frequent and _correctable(word):
                for form in _shortened(word):
                    self.neighbours[form].append(word)

    def __call__(self, text: Iterable[str]) -> tuple[str, ...]:
        """Correct the words of a text."""
        return tuple(word for typed in text for word in self.correct(typed))

    def correct(self, word: str) -> tuple[str, ...]:
        """Return `word` or its correction: one or two words."""
        if word not in self.corrected:
            self.corrected[word] = self._correct(word)
        return self.corrected[word]

    def _correct(self, word: str) -> tuple[str, ...]:
        if self.counts[word] >= self.known or not _correctable(word):
            return (word,)
        near = {neighbour for form in _shortened(word) for neighbour in self.neighbours.get(form, ())}
        if near:

            def rank(candidate: str) -> tuple[bool, bool, int, str]:
                # The word itself breaks ties: a set has no order.
                same_start = candidate[0] == word[0]
                return _one_edit(word, candidate), same_start, self.counts[candidate], candidate

            return (max(near, key=rank),)
        cuts = range(3, len(word) - 2)
        cut = max(cuts, key=lambda cut: min(self.counts[word[:cut]], self.counts[word[cut:]]), default=0)
        if cut and min(self.counts[word[:cut]], self.counts[word[cut:]]) >= self.frequent:
            return word[:cut], word[cut:]
        return (word,)

    def state(self) -> State:
        """Return the counts, as data, in an order that does not depend on the process."""
        words = sorted(word for word, count in self.counts.items() if count)
        counts = np.array([self.counts[word] for word in words], dtype=np.int64)
        return {"known": self.known, "frequent": self.frequent, "words": words, "counts": counts}

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Rebuild from `state`; the index is built again."""
        speller = cls([], scalar(state, "known", int), scalar(state, "frequent", int))
        counts = array(state, "counts", np.int64).tolist()
        speller.counts = Counter(dict(zip(texts(state, "words"), counts, strict=True)))
        speller._index()
        return speller


def _correctable(word: str) -> bool:
    return len(word) > 3 and not is_number(word)


def _shortened(word: str) -> set[str]:
    return {word, *(word[:place] + word[place + 1 :] for place in range(len(word)))}


def _one_edit(first: str, second: str) -> bool:
    """Return whether words with a common shortened form differ by one letter or one swap, not by two letters."""
    if len(first) != len(second):
        return True
    different = sum(a != b for a, b in zip(first, second, strict=True))
    return different == 1 or (different == 2 and sorted(first) == sorted(second))
