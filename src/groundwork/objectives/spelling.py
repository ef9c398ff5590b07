"""Spells labels as a competition's sample submission does: `True` or `1`, `yes` or `Yes`, `2` or `2.0`."""

import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial

# Pairs that mean no and yes, in lower case.
TRUTH = (("false", "true"), ("no", "yes"), ("n", "y"), ("f", "t"), ("0", "1"), ("0.0", "1.0"))

Style = Callable[[str], str]


def truth(label: str) -> bool | None:
    """Return what a spelling of yes or no means; None if it is neither."""
    plain = label.strip().lower()
    for no, yes in TRUTH:
        if plain in (no, yes):
            return plain == yes
    return None


def spelled(labels: Sequence[object], sample: Iterable[str]) -> list[str]:
    """Spell `labels` as the values of a sample submission are spelled.

    Parameters
    ----------
    labels
        All labels of training, in the order of their codes.
    sample
        Values of the sample submission's column, as text.

    Returns
    -------
    list of str
        A spelling for each label: the one in which all the sample's values are labels. If there is none, because the
        sample contains placeholders, labels are spelled as in training.
    """
    own = [str(label) for label in labels]
    used = set(sample)
    for style in (_as_is, str.lower, str.upper, str.capitalize, str.title, _whole, _decimal, *_truth_styles(own, used)):
        styled = [style(label) for label in own]
        if used and used <= set(styled) and len(set(styled)) == len(own):
            return styled
    return own


def column_of(label: str, names: Sequence[str]) -> str | None:
    """Find the column for a label's probability: the one of its name, or whose name ends with it, as `Status_C` does.

    Returns
    -------
    str or None
        None if there is no such column, or several.
    """
    plain = label.casefold()
    forms = {plain, _whole(plain)}
    for matches in (
        [name for name in names if name == label],
        [name for name in names if name.casefold() in forms],
        [name for name in names if any(re.search(rf"(^|[\W_]){re.escape(form)}$", name.casefold()) for form in forms)],
        # Such as c0 to c9: a word and a number without anything between them.
        [name for name in names if any(re.fullmatch(rf"[a-z]+0*{re.escape(form)}", name.casefold()) for form in forms)]
        if plain.isdigit()
        else [],
    ):
        if len(matches) == 1:
            return matches[0]
    return None


def _as_is(label: str) -> str:
    return label


def _whole(label: str) -> str:
    with suppress(ValueError):
        return str(int(float(label)) if float(label).is_integer() else label)
    return label


def _decimal(label: str) -> str:
    with suppress(ValueError):
        return str(float(label))
    return label


def _truth_styles(labels: Sequence[str], used: set[str]) -> list[Style]:
    """Return styles that write yes and no in other words; none unless the labels are two such words."""
    if sorted(map(str, map(truth, labels))) != ["False", "True"]:
        return []
    pairs = [tuple(map(case, pair)) for pair in TRUTH for case in (str.lower, str.capitalize, str.upper)]
    return [partial(_as_truth, pair) for pair in pairs if used & {*pair}]


def _as_truth(pair: Sequence[str], label: str) -> str:
    return pair[bool(truth(label))]
