"""Writes the file of a competition: short, typed, with comments that say why."""

import textwrap
from collections.abc import Iterable, Sequence

from groundwork.adding.columns import Column
from groundwork.adding.proposal import Proposal

WIDTH = 120
TEXT = "text"  # name of the column that joins several texts

HELPERS = ("booleans", "date_parts", "dates", "join_texts", "looked_up", "numbers", "summarized")
CLOCKED = ("date and time", "seconds")

WHY = {
    "constant": "the same in every row",
    "duplicate": "the same as another column",
    "id-like": "nearly every row, or test row, has another value",
    "one-sided": "not in both tables",
    "short text": "names and phrases that differ in most rows",
}


def source(proposal: Proposal, sample: str = "") -> str:
    """Return the file's text.

    Parameters
    ----------
    sample
        A function `sample` to write into the file, or an empty string for none.
    """
    inputs, join, body = _inputs(proposal), _join(proposal), _features(proposal)
    helpers = [name for name in HELPERS if f"{name}(" in inputs + join + body]
    head = [_docstring(proposal), ""]
    if join:
        head += ["from collections.abc import Mapping", ""]
    if sample:
        head.append("import numpy as np")
    if body or sample:
        head += ["import pandas as pd", ""]
    head.append(f"from groundwork.competitions import Inputs, Labelled{', Tables' if sample else ''}")
    head += [f"from groundwork.features import {', '.join(helpers)}"] if helpers else []
    head += ["from groundwork.synthetic import Marginal, table"] if sample else []
    head += ["", inputs, *_left_out(proposal)]
    functions = [part for part in (join, body, sample) if part]
    competition = "\n".join(_competition(proposal, bool(body), bool(sample)))
    gap = "\n\n\n" if functions else "\n\n"
    return gap.join(["\n".join(head), *functions, competition]) + "\n"


def quoted(text: str) -> str:
    """Write a string literal as ruff formats it: in double quotes, unless it contains some."""
    plain = repr(text)
    if plain[0] == "'" and '"' not in text:
        return f'"{plain[1:-1]}"'.replace("\\'", "'")
    return plain


def call_argument(name: str, value: str) -> str:
    """Write a line of a call's arguments."""
    return f"    {name}={value},"


def _docstring(proposal: Proposal) -> str:
    title = proposal.slug.replace("-", " ").capitalize()
    targets = ", ".join(proposal.target.targets)
    first = f'"""{title} (kaggle.com/competitions/{proposal.slug}): predicts {targets}.'
    if len(first) + 3 <= WIDTH:
        return f'{first}"""'
    return f'"""{title} (kaggle.com/competitions/{proposal.slug})."""'[: WIDTH - 4].removesuffix('"""') + '"""'


def filled(names: Iterable[str], indent: str) -> list[str]:
    """Write names as the elements of a tuple, as many on a line as fit."""
    lines, line = [], indent
    for name in names:
        item = f"{name}, "
        if len(line) + len(item) - 1 > WIDTH and line.strip():
            lines.append(line.rstrip())
            line = indent
        line += item
    return [*lines, line.rstrip()]


def _inputs(proposal: Proposal) -> str:
    if proposal.image:
        return f"INPUTS = Inputs(image={proposal.image})"
    numeric = [quoted(column.name) for column in proposal.of("number", "number as text")]
    numeric += [f"*date_parts({quoted(column.name)})" for column in proposal.of("date")]
    numeric += [f"*date_parts({quoted(column.name)}, clock=True)" for column in proposal.of(*CLOCKED)]
    labels = [quoted(column.name) for column in proposal.of("category", "truth value", "many categories")]
    many = [quoted(column.name) for column in proposal.of("many categories")]
    text = _text_name(proposal)
    groups = {"numeric": numeric, "categorical": labels, "group": many, "text": [quoted(text)] if text else []}
    lines, formatted = ["INPUTS = Inputs("], True
    for name, values in groups.items():
        if not values:
            continue
        if name == "group":
            lines.append("    # Labels of which there are many are also encoded by the mean target of each.")
        if name == "text":
            lines.append(call_argument(name, values[0]))
            continue
        one = call_argument(name, f"({', '.join(values)}{',' if len(values) == 1 else ''})")
        if len(one) <= WIDTH:
            lines.append(one)
        else:
            formatted = False
            lines += [f"    {name}=(", *filled(values, " " * 8), "    ),"]
    end = ")" if formatted else ")  # fmt: skip"
    return "\n".join([*lines, end])


def _text_name(proposal: Proposal) -> str:
    texts = proposal.texts
    if not texts:
        return ""
    taken = {column.name for column in proposal.columns if column not in texts}
    if len(texts) == 1:
        return texts[0].name
    return TEXT if TEXT not in taken else f"{TEXT}s"


def _left_out(proposal: Proposal) -> list[str]:
    """Say in a comment which columns are not read, and why."""
    read = {column.name for column in proposal.texts}
    left = [column for column in proposal.columns
            if not column.is_read and column.name not in read and column.name != proposal.split.group]  # fmt: skip
    by_reason: dict[str, list[str]] = {}
    for column in left:
        by_reason.setdefault(WHY.get(column.role, f"{column.role}: {column.reason}"), []).append(column.name)
    lines = []
    for reason, names in by_reason.items():
        lines += _comment(f"Not read: {', '.join(names)} ({reason}).")
    return lines


def _comment(text: str, indent: str = "") -> list[str]:
    plain = " ".join(text.split())
    return textwrap.wrap(plain, WIDTH, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# ")


def _features(proposal: Proposal) -> str:
    if proposal.image:
        return ""
    lines = [
        "def features(frame: pd.DataFrame) -> pd.DataFrame:",
        '    """Add row-wise features: each row\'s result depends on that row alone."""',
    ]
    for column in proposal.of("number as text"):
        lines += _comment(f"Numbers as text, {column.reason}.", "    ")
        decimal = ', decimal=","' if column.option == "," else ""
        lines.append(_assigned(column, f"numbers({_of(column)}{decimal})"))
    for column in proposal.of("truth value"):
        if column.option == "mixed":
            lines += _comment(f"Truth values {column.reason}: one spelling for all.", "    ")
            lines.append(_assigned(column, f"booleans({_of(column)})"))
    for column in proposal.of("date", *CLOCKED):
        form = "" if column.option in ("", "ISO8601") else f", {quoted(column.option)}"
        unit = ', unit="s"' if column.role == "seconds" else ""
        clock = ", clock=True" if column.role in CLOCKED else ""
        lines.append(f"    frame = frame.join(dates({_of(column)}{form}{unit}{clock}))")
    if proposal.texts:
        name = _text_name(proposal)
        columns = ", ".join(_of(column) for column in proposal.texts)
        lines += ["    # A missing text becomes an empty one."]
        lines.append(f"    frame[{quoted(name)}] = join_texts({columns})")
    lines += [
        '    # Your own features go here, such as frame["ratio"] = frame["a"] / frame["b"]; name them in INPUTS, too.',
        "    return frame",
    ]
    return "\n".join(lines)


def _join(proposal: Proposal) -> str:
    if not proposal.joined:
        return ""
    lines = [
        "def join(frame: pd.DataFrame, extra: Mapping[str, pd.DataFrame]) -> pd.DataFrame:",
        '    """Add what the other tables say about each row; no row moves."""',
    ]
    for relation in proposal.joined:
        lines += _comment(f"{relation.file}: {relation.reason}.", "    ")
        file, key, prefix = map(quoted, (relation.file, relation.key, relation.prefix))
        lines.append(f"    frame = {relation.helper}(frame, extra[{file}], {key}, {prefix})")
    return "\n".join([*lines, "    return frame"])


def _of(column: Column) -> str:
    return f"frame[{quoted(column.name)}]"


def _assigned(column: Column, value: str) -> str:
    return f"    {_of(column)} = {value}"


def _competition(proposal: Proposal, has_features: bool, has_sample: bool) -> list[str]:
    goal, files, split = proposal.target, proposal.found.files, proposal.split
    lines = ["competition = Labelled(", call_argument("slug", quoted(proposal.slug))]
    lines.append(call_argument("kind", quoted(goal.kind.value)))
    lines += _comment(f"The metric: {goal.metric.reason}.", "    ") if not goal.metric.is_sure else []
    lines.append(call_argument("metric", quoted(goal.metric.value)))
    lines += _comment(f"The id: {goal.id_reason}.", "    ") if "first column" not in goal.id_reason else []
    lines.append(call_argument("id", quoted(goal.id)))
    lines += _tuple("targets", goal.targets)
    lines.append("    inputs=INPUTS,")
    if proposal.joined:
        lines.append("    optional={")
        for relation in proposal.joined:
            typed = [f"{quoted(name)}: {kind.__name__}" for name, kind in relation.types.items()]
            one = f"        {quoted(relation.file)}: {{{', '.join(typed)}}},"
            wide = [f"        {quoted(relation.file)}: {{", *(f"            {item}," for item in typed), "        },"]
            lines += [one] if len(one) <= WIDTH else wide
        lines += ["    },", "    join=join,"]
    lines += ["    features=features,"] if has_features else []
    if proposal.learns_logarithm:
        lines += ["    # The metric compares logarithms.", "    log_target=True,"]
    lines += ["    sample=sample,"] if has_sample else []
    unusual: dict[str, tuple[str | None, str | None]] = {
        "train": (files.train, "train.csv"),
        "test": (files.test, "test.csv"),
        "train_targets": (files.targets, None),
        "sample_submission": (files.sample, "sample_submission.csv"),
        "charset": (proposal.found.archive.charset, "utf-8"),
    }
    lines += [call_argument(key, quoted(name)) for key, (name, usual) in unusual.items() if name and name != usual]
    lines += _pixels(proposal)
    if split.group:
        lines += _comment(f"Folds as train and test were divided: {split.reason}.", "    ")
        lines.append(call_argument("group_folds_by", quoted(split.group)))
    if split.time:
        lines += _comment(
            f"{split.time}: {split.reason}. Folds drawn at random look into the future and score too well.", "    "
        )
        if split.obstacle:
            lines += _comment(f"`fold_by_time` cannot name it: {split.obstacle}.", "    ")
        else:
            lines.append(call_argument("fold_by_time", quoted(split.time)))
            lines += [call_argument("time_format", quoted(split.form))] if split.form else []
    return [*lines, ")"]


def _pixels(proposal: Proposal) -> list[str]:
    """Write the columns of a picture, which need no inference then: it takes seconds for thousands of columns."""
    if not proposal.image:
        return []
    goal, found = proposal.target, proposal.found
    names = [str(name) for name in found.train if name not in (goal.id, *goal.targets)]
    start = names[0].rstrip("0123456789")
    first = int(names[0].removeprefix(start) or 0)
    if names != [f"{start}{i}" for i in range(first, first + len(names))]:
        return []
    named = [*([goal.id] if goal.id in found.train else []), *goal.targets]
    typed = [f"{quoted(name)}: {found.types[name].__name__}" for name in named]
    span = f"{first}, {first + len(names)}" if first else str(len(names))
    return [f'    types={{{", ".join(typed)}, **{{f"{start}{{i}}": int for i in range({span})}}}},']


def _tuple(name: str, values: Sequence[str]) -> list[str]:
    items = [quoted(value) for value in values]
    one = call_argument(name, f"({', '.join(items)}{',' if len(items) == 1 else ''})")
    if len(one) <= WIDTH:
        return [one]
    return [f"    {name}=(", *(f"        {item}," for item in items), "    ),"]
