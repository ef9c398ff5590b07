"""Shows a proposal as a table with its reasons, and asks where it is not sure."""

import sys
from collections.abc import Iterator
from dataclasses import replace

from groundwork.adding.kind import Guess
from groundwork.adding.proposal import Proposal
from groundwork.adding.target import Target, find

NARROWEST = 100  # characters


def show(proposal: Proposal) -> None:
    """Print what is proposed, and why; then each column and its role."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    console.width = max(console.width, NARROWEST)
    table = Table(title=f"{proposal.slug}: proposal", title_justify="left", show_lines=False)
    for name in ("what", "proposed", "why"):
        table.add_column(name, overflow="fold")
    for what, value, reason in _rows(proposal):
        table.add_row(what, Text(value), Text(reason))
    console.print(table)
    if proposal.columns:
        roles = Table(title="columns", title_justify="left")
        for name in ("column", "is", "what was found"):
            roles.add_column(name, overflow="fold")
        for column, role, reason in _columns(proposal):
            roles.add_row(Text(column), Text(role), Text(reason))
        console.print(roles)


def _rows(proposal: Proposal) -> Iterator[tuple[str, str, str]]:
    goal, files, found = proposal.target, proposal.found.files, proposal.found
    size = f"{len(found.train):,} and {len(found.test):,} rows"
    yield "files", f"{files.train}, {files.test}, {files.sample}", f"by their names and columns; {size}"
    if files.targets:
        order = "by a key" if files.by_key else f"in the order of its {len(found.train):,} rows: check that it is"
        yield "", files.targets, f"has the targets of {files.train}, which lacks them, {order}"
    for relation in proposal.joined:
        how = "looked up" if relation.single else "summarized"
        yield "joined", f"{relation.file} by {relation.key}", f"{how}: {relation.reason}"
    for file, reason in proposal.unread.items():
        yield "not read", file, f"{reason}; `optional` and `join` in the file can read it"
    if found.archive.charset != "utf-8":
        yield "characters", found.archive.charset, "the tables are not in UTF-8; look at some accents"
    yield "id", goal.id, goal.id_reason
    yield "target" if len(goal.targets) == 1 else "targets", ", ".join(goal.targets), goal.targets_reason
    yield "kind", goal.kind.value, goal.kind.reason + _or(goal.kind)
    yield "submission", goal.wants, goal.wants_reason
    yield "metric", goal.metric.value, goal.metric.reason + _or(goal.metric)
    yield "folds", proposal.split.words, proposal.split.reason
    if proposal.split.time:
        obstacle = proposal.split.obstacle
        yield "", "", f"not written: {obstacle}" if obstacle else "train on the past, validate on what follows"
    yield (
        "network reads",
        proposal.inputs,
        f"{proposal.image[0]} × {proposal.image[1]} pixels" if proposal.image else "",
    )


def _or(guess: Guess) -> str:
    others = [other for other in guess.others if other != guess.value]
    return f" (or {', '.join(others)})" if others else ""


def _columns(proposal: Proposal) -> Iterator[tuple[str, str, str]]:
    texts = {column.name for column in proposal.texts}
    for column in proposal.columns:
        if column.name == proposal.split.group:
            yield column.name, "group key", "keeps rows together in one fold; not read"
        else:
            left = "" if column.is_read or column.name in texts else " (not read)"
            yield column.name, f"{column.role}{left}", column.reason


def confirmed(proposal: Proposal, asking: bool) -> Proposal:
    """Ask for each guess that is not sure, if `asking` and on a terminal; return the proposal with the answers."""
    if not asking or not sys.stdin.isatty() or not sys.stdout.isatty():
        return proposal
    goal = proposal.target
    kind = _asked("kind", goal.kind)
    if kind.value != goal.kind.value:
        # The metrics to choose from, and what is handed in, are those of the other kind.
        told = goal.metric if goal.metric.is_sure else None
        goal = find(proposal.found, row_id=goal.id, targets=goal.targets, kind=kind.value, metric=told)
    changed: Target = replace(goal, kind=kind, metric=_asked("metric", goal.metric))
    return replace(proposal, target=changed)


def _asked(what: str, guess: Guess) -> Guess:
    if guess.is_sure:
        return guess
    from rich.prompt import Prompt

    answer = Prompt.ask(f"{what}: {guess.reason}", choices=list(guess.others), default=guess.value)
    return Guess(answer, guess.reason if answer == guess.value else "your answer")
