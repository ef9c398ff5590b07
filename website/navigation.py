"""Which pages there are, in which order."""

import json
from collections.abc import Iterator
from pathlib import Path

# Titles of the files in docs/, notebooks/ and at the top, in the order of reading. A test and the build refuse a file
# of docs/ that is missing here.
HOME = {"Home": "README.md"}
GUIDES = {
    "First experiment": "docs/first-experiment.md",
    "Work with the pipeline": "docs/pipeline.md",
    "Add a competition": "docs/competitions.md",
    "Compare": "docs/verdict.md",
    "Leaderboard": "docs/leaderboard.md",
    "Report": "docs/report.md",
    "Sweep": "docs/sweeps.md",
    "Submit": "docs/submit.md",
    "Optimizers, GPUs, sharing": "docs/training.md",
    "Weights & Biases": "docs/wandb.md",
    "Checks of the data": "docs/checks.md",
    "Private rows": "docs/private.md",
}
LESSONS = "notebooks/README.md"
RESULTS = {
    "Scores": "docs/scores.md",
    "New tables": "docs/tables.md",
    "Honesty of verdicts": "docs/honesty.md",
    "Parity with PyTorch": "docs/parity.md",
}
SCRATCH = "docs/scratch.md"
PROJECT = {
    "Architecture": "docs/architecture.md",
    "Contributing": "CONTRIBUTING.md",
    "Coding agents": "AGENTS.md",
    "Changes": "CHANGELOG.md",
    "Security": "SECURITY.md",
}
FILES = [*HOME.values(), *GUIDES.values(), *RESULTS.values(), SCRATCH, *PROJECT.values()]
# What somebody who adds a competition, a metric or a network imports or writes.
ROOMS = (
    "scratch",
    "models",
    "objectives",
    "encoders",
    "training",
    "verdict",
    "competitions",
    "sections",
    "features",
)

Entry = str | dict[str, "Entry"] | list["Entry"]


def missing(root: Path) -> list[str]:
    """Name the files of docs/ that are in no menu."""
    return sorted({path.relative_to(root).as_posix() for path in root.glob("docs/*.md")} - {*FILES})


def page_of(path: str) -> str:
    """Name the page that a file of the repository becomes."""
    if path in ("README.md", LESSONS):
        return path.replace("README.md", "index.md")
    return path.removesuffix(".ipynb") + ".md" if path.endswith(".ipynb") else path


def menu(lessons: dict[str, str], reference: list[Entry], *, report: bool) -> list[Entry]:
    """Arrange all pages.

    Parameters
    ----------
    lessons
        Titles and pages of the lessons, in their order.
    reference
        The entries below *Reference*.
    report
        Whether there is a report of runs, at ``report.html``.
    """

    def entries(files: dict[str, str]) -> list[Entry]:
        return [{title: page_of(path)} for title, path in files.items()]

    results = entries(RESULTS)
    if report:
        results.insert(0, {"Report of the runs": "report.html"})
    return [
        *entries(HOME),
        {"Guides": entries(GUIDES)},
        {"Lessons": [page_of(LESSONS), *({title: page} for title, page in lessons.items())]},
        {"Results": results},
        {"Reference": [*reference, {"From scratch, by topic": page_of(SCRATCH)}]},
        {"Project": entries(PROJECT)},
    ]


def toml(entry: Entry) -> str:
    """Write an entry as TOML, in one line."""
    if isinstance(entry, str):
        return json.dumps(entry, ensure_ascii=False)
    if isinstance(entry, list):
        return f"[{', '.join(map(toml, entry))}]"
    return f"{{ {', '.join(f'{toml(title)} = {toml(below)}' for title, below in entry.items())} }}"


def pages(entry: Entry) -> Iterator[str]:
    """List the pages of an entry and of those below it."""
    if isinstance(entry, str):
        yield entry
    else:
        for below in entry if isinstance(entry, list) else entry.values():
            yield from pages(below)
