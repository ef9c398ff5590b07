"""Runs `groundwork add` and `groundwork remove`."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from groundwork import competitions, params
from groundwork.adding import archive as archives
from groundwork.adding import competition_file, files, lane, names, sample, show
from groundwork.adding.params_text import BLENDS, ParamsText
from groundwork.adding.proposal import Proposal, propose
from groundwork.errors import UserError, meant
from groundwork.files import writing
from groundwork.settings import PARAMS
from groundwork.stages.validate import validate

FOLDER = Path("src/groundwork/competitions")


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What the user of `groundwork add` names, in place of a guess.

    Attributes
    ----------
    archive
        The zip file.
    name
        The lane's name.
    metric, targets, id, kind, train, test, labels, submission
        As the options of the command.
    yes
        Whether to ask nothing.
    dry_run
        Whether to write nothing.
    sample
        Whether the competition's file gets a function that makes a synthetic archive.
    """

    archive: Path | None = None
    name: str | None = None
    metric: str | None = None
    targets: Sequence[str] = ()
    id: str | None = None
    kind: str | None = None
    train: str | None = None
    test: str | None = None
    labels: str | None = None
    submission: str | None = None
    yes: bool = False
    dry_run: bool = False
    sample: bool = False


def add(competition: str, wishes: Wishes) -> str:
    """Look at a competition's archive, write its file and its lane, and validate them.

    Returns
    -------
    str
        What was written, and the next command.

    Raises
    ------
    UserError
        If the workspace cannot take the competition; then nothing has been written.
    """
    require_clone()
    slug = names.slug_in(competition)
    name = names.lane_name(wishes.name or slug)
    module = names.module_name(name)
    settings = ParamsText(PARAMS.read_bytes(), PARAMS)
    _require_free(slug, name, module, settings)
    metric = archives.metric(slug, wishes.metric)
    archive = archives.get(slug, wishes.archive)
    found = files.read(archive, wishes.train, wishes.test, wishes.submission, wishes.labels)
    proposal = propose(
        slug, name, module, found, row_id=wishes.id, targets=wishes.targets, kind=wishes.kind, metric=metric
    )
    show.show(proposal)
    proposal = show.confirmed(proposal, asking=not wishes.yes)
    text, added = written(proposal, settings, with_sample=wishes.sample)
    if wishes.dry_run:
        blends = [f"{BLENDS}:\n{settings.indent}{name}: {blend}" for name, blend in added.blends.items()]
        lines = "\n".join([*added.texts.values(), *blends])
        return f"{FOLDER / module}.py:\n\n{text}\n{PARAMS}:\n\n{lines}\nnothing was written (--dry-run)"
    _write(FOLDER / f"{module}.py", text, settings.added(added.texts.values(), added.blends))
    archives.keep(slug, archive)
    lanes = f"the lane{'s' * (len(added.texts) > 1)} {' and '.join(added.texts)}"
    mean = "".join(f" and their weighted mean {blend}" for blend in added.blends)
    return (
        f"wrote {FOLDER / module}.py and {lanes}{mean} in {PARAMS}; nothing wrong in them\n"
        f"next: `groundwork repro {added.answer}`, then features of your own in {FOLDER / module}.py"
    )


def written(proposal: Proposal, settings: ParamsText, *, with_sample: bool) -> tuple[str, lane.Lanes]:
    """Return the text of the competition's file, and the lanes and blends for params.yaml."""
    text = competition_file.source(proposal, sample.source(proposal) if with_sample else "")
    return text, lane.lanes(proposal, settings.anchors, settings.indent, has_sample=with_sample)


def remove(name: str) -> str:
    """Remove a lane from params.yaml, what `add` made beside it, and its competition's file if no lane is left of it.

    Returns
    -------
    str
        What was removed, and what is left.

    Raises
    ------
    UserError
        If there is no such lane, it is the only one, or another one refers to it.
    """
    require_clone()
    before = PARAMS.read_bytes()
    settings, checked = ParamsText(before, PARAMS), params.load()
    if name not in settings.lanes:
        raise UserError(
            f"{PARAMS}: competitions: no lane {name!r}{meant(name, settings.lanes)}",
            f"name one of: {', '.join(settings.lanes)}",
        )
    module = checked.lane(name).competition
    trees = f"{name}-trees"
    beside = trees in settings.lanes and checked.lane(trees).competition == module
    lanes = [name, trees] if beside else [name]
    if len(settings.lanes) == len(lanes):
        raise UserError(f"{PARAMS}: {name} is the only lane; expected one lane at least", "add another one first")
    blends = _blends_of(lanes, checked.members)
    _replace(PARAMS, settings.removed(lanes, blends))
    try:
        params.load()
    except UserError as error:
        _replace(PARAMS, before)
        raise UserError(
            f"{PARAMS}: without the lane {name}: {error.problem}; nothing was removed",
            f"take out what refers to {name}, then run the command again",
        ) from None
    file = FOLDER / f"{module}.py"
    others = [other for other, of in checked.competitions.items() if other not in lanes and of.competition == module]
    said = [f"removed {', '.join([*lanes, *blends])} from {PARAMS}"]
    if not others and file.exists():
        file.unlink()
        said.append(f"removed {file}")
    elif others:
        said.append(f"kept {file}: {', '.join(others)} needs it")
    made = [
        path
        for key in (*lanes, *blends)
        for path in (
            f"data/raw/{key}.zip",
            f"data/prepared/{key}",
            f"data/private/{key}.parquet",
            f"results/{key}",
            f"results/metrics/{key}.json",
        )
    ]
    left = [path for path in made if Path(path).exists()]
    if left:
        said.append(f"left: {', '.join(left)}; delete what you do not need")
    return "\n".join(said)


def _blends_of(lanes: Sequence[str], blends: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the blends with a member among `lanes`, and the blends of those, the outer ones first."""
    found: list[str] = []
    while more := [name for name, of in blends.items() if name not in found and {*of} & {*lanes, *found}]:
        found = more + found
    return found


def require_clone() -> None:
    """Refuse to run outside of a clone, or with the package of another place.

    Raises
    ------
    UserError
        With where the package is.
    """
    here = Path(competitions.__file__).resolve().parent
    if FOLDER.resolve() != here or not PARAMS.is_file():
        raise UserError(
            f"found the package groundwork in {here}; expected it in {FOLDER} of this folder, a clone of the "
            "repository: a competition is a file of the package",
            "`git clone` the repository and run the command in it (`pip install -e .` there, or `make setup`)",
        )


def _require_free(slug: str, name: str, module: str, settings: ParamsText) -> None:
    if name in settings.lanes:
        raise UserError(
            f"{PARAMS}: competitions: the lane {name} is already there",
            f"`groundwork repro {name}` runs it, `groundwork remove {name}` removes it, `groundwork add {slug} --name "
            f"{name}-2` adds another one",
        )
    if module in competitions.names() or (FOLDER / module).exists():
        lanes = [lane for lane, of in params.load().competitions.items() if of.competition == module]
        used = f"used by the lane {', '.join(lanes)}" if lanes else "which no lane uses"
        raise UserError(
            f"{FOLDER / module}.py: is already there, {used}",
            f"`groundwork add {slug} --name OTHER` writes another one"
            + ("" if lanes else f"; or `rm {FOLDER / module}.py`"),
        )


def _write(file: Path, text: str, content: bytes) -> None:
    """Write both files; put everything back if the workspace does not accept them."""
    before = PARAMS.read_bytes()
    try:
        _replace(file, text.encode())
        _replace(PARAMS, content)
        _forget(file)
        validate(params.load())
    except BaseException as error:
        _replace(PARAMS, before)
        file.unlink(missing_ok=True)
        if not isinstance(error, UserError):
            raise
        raise UserError(f"{error.problem}\nnothing was written", error.next_step, error.exit_code) from None


def _forget(file: Path) -> None:
    """Let Python find the new module: it remembers which files a folder has."""
    import importlib

    importlib.invalidate_caches()
    sys.modules.pop(f"{competitions.__name__}.{file.stem}", None)


def _replace(path: Path, content: bytes) -> None:
    with writing(path) as temporary:
        temporary.write_bytes(content)
