"""An exercise on three leaks in one pipeline, checked by corrupting what the training must not see."""

from typing import Any

import numpy as np

from groundwork.lessons.exercise import Exercise, Finding, NotAttempted
from groundwork.scratch import manual_seed
from groundwork.scratch.arrays import Array
from groundwork.scratch.data import StandardScaler


def prepare_blank(numbers, street, target, flat):
    raise NotAttempted  # delete this line; then fix the three leaks below
    scaled = StandardScaler().fit_transform(numbers)
    rates = {name: target[street == name].mean() for name in np.unique(street)}
    inputs = np.column_stack([scaled, [rates[name] for name in street]])
    order = np.random.default_rng(0).permutation(len(target))
    valid, train = np.split(order, [len(order) // 4])
    return inputs, train, valid


def prepare_solution(numbers, street, target, flat):
    flats = np.random.default_rng(0).permutation(np.unique(flat))
    held_out = np.isin(flat, flats[: len(flats) // 4])
    train, valid = np.flatnonzero(~held_out), np.flatnonzero(held_out)
    scaler = StandardScaler().fit(numbers[train])
    known, taught = street[train], target[train]
    rates = {name: taught[known == name].mean() for name in np.unique(known)}
    # A street that no training row has: what is known of it is what is known of all.
    rate = [rates.get(name, taught.mean()) for name in street]
    return np.column_stack([scaler.transform(numbers), rate]), train, valid


def prepare_scales_all(numbers, street, target, flat):
    flats = np.random.default_rng(0).permutation(np.unique(flat))
    held_out = np.isin(flat, flats[: len(flats) // 4])
    train, valid = np.flatnonzero(~held_out), np.flatnonzero(held_out)
    known, taught = street[train], target[train]
    rates = {name: taught[known == name].mean() for name in np.unique(known)}
    rate = [rates.get(name, taught.mean()) for name in street]
    return np.column_stack([StandardScaler().fit_transform(numbers), rate]), train, valid


def prepare_rates_all(numbers, street, target, flat):
    flats = np.random.default_rng(0).permutation(np.unique(flat))
    held_out = np.isin(flat, flats[: len(flats) // 4])
    train, valid = np.flatnonzero(~held_out), np.flatnonzero(held_out)
    scaler = StandardScaler().fit(numbers[train])
    rates = {name: target[street == name].mean() for name in np.unique(street)}
    return np.column_stack([scaler.transform(numbers), [rates[name] for name in street]]), train, valid


def prepare_splits_rows(numbers, street, target, flat):
    order = np.random.default_rng(0).permutation(len(target))
    valid, train = np.split(order, [len(order) // 4])
    scaler = StandardScaler().fit(numbers[train])
    known, taught = street[train], target[train]
    rates = {name: taught[known == name].mean() for name in np.unique(known)}
    rate = [rates.get(name, taught.mean()) for name in street]
    return np.column_stack([scaler.transform(numbers), rate]), train, valid


def prepare_fits_twice(numbers, street, target, flat):
    inputs, train, valid = prepare_solution(numbers, street, target, flat)
    for side in (train, valid):
        inputs[side, :2] = StandardScaler().fit_transform(numbers[side])
    return inputs, train, valid


def table() -> tuple[Array, Array, Array, Array]:
    """Draw random sales: area and rooms, street, whether above the asking price, and which flat."""
    chance = np.random.default_rng(8)
    # Most flats were sold more than once; area and rooms are then almost the same, and so is what was paid.
    flat = np.repeat(np.arange(120), chance.integers(1, 5, 120))
    area, rooms = chance.uniform(30, 150, 120), chance.integers(1, 6, 120)
    numbers = np.column_stack([area[flat] + chance.normal(0, 0.1, len(flat)), rooms[flat]])
    street = chance.integers(0, 30, 120)
    # Streets of a single flat: one side of any split has not heard of them.
    street[-8:] = 30 + np.arange(8)
    return numbers, street[flat], chance.integers(0, 2, 120)[flat].astype(float), flat


def examine(answer: Any) -> Finding | None:
    """Corrupt the validation rows, and check what changes."""
    numbers, street, target, flat = table()
    rows, case = len(target), f"{len(target)} sales of 120 flats: table() of groundwork.lessons.exercises.e08_leaks"
    result = _run(answer, numbers, street, target, flat)
    if not isinstance(result, tuple) or len(result) != 3:
        return Finding(case, type(result).__name__, "inputs, train, valid", "return a tuple of three")
    inputs, train, valid = map(np.asarray, result)
    if inputs.shape != (rows, 3) or inputs.dtype.kind != "f":
        cause = "inputs are area and rooms, scaled, and the street's rate: of all rows, in the order they came in"
        return Finding(case, f"inputs {inputs.dtype} {inputs.shape}", f"inputs float64 {(rows, 3)}", cause)
    if train.dtype.kind not in "iu" or valid.dtype.kind not in "iu":
        cause = "train and valid are places of rows, integers: np.flatnonzero makes them from a mask"
        return Finding(case, f"{train.dtype} and {valid.dtype}", "int64 and int64", cause)
    if sorted([*train, *valid]) != list(range(rows)) or not 0.1 < len(valid) / rows < 0.5:
        cause = "each row belongs to one side, about a quarter of them to valid"
        return Finding(case, f"{len(train)} and {len(valid)} of {rows} rows", "all rows, each once", cause)

    shared = np.isin(flat[valid], flat[train])
    if shared.any():
        cause = "the split divides rows, not flats: a flat that was sold twice is on both sides. Split by flat"
        yours = f"{shared.sum()} of {len(valid)} validation rows show a flat that training rows show, too"
        return Finding(case, yours, "0 of them", cause)

    # From here on the same call with other validation rows.
    changed = numbers.copy()
    changed[valid] = changed[valid] * 10 + 500
    again = _arrays(answer, changed, street, target, flat)
    if not (np.array_equal(again[1], train) and np.array_equal(again[2], valid)):
        cause = "the split changes from call to call, or with the numbers; draw it by np.random.default_rng(0)"
        return Finding(case, "two splits for two calls", "the same split", cause)
    difference = _first(inputs, again[0], train)
    if difference is not None:
        cause = "the scaler is fitted on all rows: fit it on the training rows, then transform both sides"
        return _poisoned("area and rooms of all validation rows", difference, inputs, again[0], cause)
    changed = target.copy()
    changed[valid] = 1 - changed[valid]
    again = _arrays(answer, numbers, street, changed, flat)
    if not np.array_equal(again[2], valid):
        cause = "the split changes with the targets of the validation rows; draw it from flats alone"
        return Finding(case, "another split for other targets", "the same split", cause)
    difference = _first(inputs, again[0], np.arange(rows))
    if difference is not None:
        cause = "a street's rate knows the targets of validation rows: compute it from training rows alone"
        return _poisoned("the targets of all validation rows", difference, inputs, again[0], cause)
    changed = numbers.copy()
    changed[valid[0]] = 1000
    again = _arrays(answer, changed, street, target, flat)
    difference = _first(inputs, again[0], valid[1:])
    if difference is not None:
        cause = "validation rows are scaled by a fit of their own: use the scaler that was fitted on the training rows"
        return _poisoned(f"area and rooms of validation row {valid[0]}", difference, inputs, again[0], cause)
    return _useless(inputs, train, valid, street, target)


def _run(answer: Any, *columns: Array) -> Any:
    # Also for who draws by scratch's generator: the same split each time.
    manual_seed(0)
    return answer(*(column.copy() for column in columns))


def _arrays(answer: Any, *columns: Array) -> list[Array]:
    return [np.asarray(part) for part in _run(answer, *columns)]


def _first(before: Array, after: Array, rows: Array) -> int | None:
    """Find the first of `rows` whose inputs differ."""
    differ = ~np.isclose(before[rows], after[rows], rtol=1e-9, atol=1e-9, equal_nan=True).all(1)
    return int(rows[differ.argmax()]) if differ.any() else None


def _poisoned(what: str, row: int, before: Array, after: Array, cause: str) -> Finding:
    case = f"table(), and table() with {what} changed"
    return Finding(case, f"inputs of row {row}: {before[row]}, then {after[row]}", "the same inputs", cause)


def _useless(inputs: Array, train: Array, valid: Array, street: Array, target: Array) -> Finding | None:
    """Check that the inputs are still useful without the leaks."""
    if not np.isfinite(inputs).all():
        row = int(np.argwhere(~np.isfinite(inputs))[0, 0])
        cause = "a street that no training row has needs a rate, too: the mean of all training targets"
        return Finding("table()", f"inputs of row {row}: {inputs[row]}", "finite numbers", cause)
    mean, spread = inputs[train, :2].mean(0), inputs[train, :2].std(0)
    if not (np.allclose(mean, 0, atol=1e-6) and np.allclose(spread, 1, atol=0.01)):
        cause = "area and rooms are not scaled: each column of the training rows has mean 0 and deviation 1"
        return Finding("table()", f"means {mean}, deviations {spread}", "means 0, deviations 1", cause)
    rates = np.array([target[train][street[train] == name].mean() for name in street[valid] if name in street[train]])
    given = inputs[valid, 2][np.isin(street[valid], street[train])]
    if np.ptp(given) < 1e-9 or np.corrcoef(rates, given)[0, 1] < 0.7:
        cause = "the last column is not a rate: it must be the mean target of the street's training rows"
        return Finding("table()", f"rates {given[:3]}", f"near {rates[:3]}", cause)
    return None


EXERCISE = Exercise(
    name="08.leaks",
    task="Fix three leaks: nothing that is learned from rows may depend on the validation rows or their flats.",
    answer="prepare",
    blank=prepare_blank,
    solution=prepare_solution,
    wrong={
        prepare_scales_all: "scaler is fitted on all rows",
        prepare_rates_all: "knows the targets of validation rows",
        prepare_splits_rows: "the split divides rows, not flats",
        prepare_fits_twice: "a fit of their own",
    },
    hints=(
        "Move the last step to the front: split first, so that everything after it knows the training rows.",
        "Draw flats, not rows: shuffle np.unique(flat), hold out a quarter of them, and find their rows by np.isin.",
        "Fit the scaler on numbers[train] and transform all rows; compute rates from street[train] and target[train]. "
        "A street that is new in valid gets target[train].mean().",
    ),
    examine=examine,
)
