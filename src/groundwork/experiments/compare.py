"""Finds what ``groundwork compare A B`` names: runs, lanes, baselines and commits."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from groundwork.errors import UserError, meant
from groundwork.experiments import records
from groundwork.experiments.dvcfiles import LOCK, hashes, parsed, recorded_params
from groundwork.experiments.evidence import PREPARED, Evidence, of_baseline, of_experiment, of_files, spread_of
from groundwork.experiments.records import RESULTS, Experiment
from groundwork.experiments.remote import CACHE
from groundwork.experiments.selection import training_of
from groundwork.experiments.verdicts import verdict_between

if TYPE_CHECKING:
    from groundwork.verdict.verdict import Verdict

BASELINE = "baseline"
SHORTEST = 4  # characters of a run's id


@dataclass(frozen=True)
class Compared:
    """A lane's verdict, or why there is none.

    Attributes
    ----------
    refused
        Why the two cannot be compared, and what to do; None where there is a verdict.
    """

    lane_name: str
    verdict: "Verdict | None" = None
    refused: UserError | None = None


def compare(
    a: str, b: str, lane_name: str | None = None, results: Path = RESULTS, prepared: Path = PREPARED
) -> list[Compared]:
    """Compare what two names stand for.

    Parameters
    ----------
    a, b
        The id of a run or its beginning; a lane (its current run); ``baseline`` (the best one), ``baseline:NAME`` or
        the name of a baseline; a commit, a branch or a tag. Two commits are compared in each lane whose metrics differ.
    lane_name
        The lane, where neither name tells it.

    Raises
    ------
    UserError
        If a name stands for nothing, for several runs, or if the two cannot be compared.
    """
    finder = Finder(results)
    lane_name = lane_name or finder.lane_of(a) or finder.lane_of(b)
    if lane_name is not None:
        return [Compared(lane_name, _verdict(finder, a, b, lane_name, prepared))]
    commits = [finder.commit(name) for name in (a, b)]
    if None in commits:
        unknown = next(name for name, commit in zip((a, b), commits, strict=True) if commit is None)
        raise finder.unknown(unknown)
    compared = []
    for changed in finder.lanes_between(*map(str, commits)):
        try:
            compared.append(Compared(changed, _verdict(finder, a, b, changed, prepared)))
        except UserError as error:
            compared.append(Compared(changed, refused=error))
    return compared


def _verdict(finder: "Finder", a: str, b: str, lane_name: str, prepared: Path) -> "Verdict":
    one, other = (finder.evidence(name, lane_name) for name in (a, b))
    return verdict_between(one, other, spread_of(finder.experiments(lane_name), finder.results), prepared=prepared)


class Finder:
    """Runs, baselines and commits by name."""

    def __init__(self, results: Path) -> None:
        self.results = results

    @cached_property
    def lanes(self) -> list[str]:
        """The lanes that have experiments."""
        return records.lanes(self.results)

    def experiments(self, lane_name: str) -> list[Experiment]:
        """Read a lane's experiments, best first."""
        return records.load(lane_name, self.results)[0]

    def lane_of(self, name: str) -> str | None:
        """Return the lane that a lane's or a run's name tells; None if it tells none."""
        if name in self.lanes:
            return name
        found = self._runs(name)
        return found[0].lane_name if len({run.lane_name for run in found}) == 1 else None

    def evidence(self, name: str, lane_name: str) -> Evidence:
        """Find what a name stands for in a lane."""
        if name in self.lanes or self._runs(name):
            return of_experiment(self._with_rows(self._run(name)), self.results)
        experiments = self.experiments(lane_name)
        baselines = records.baselines(experiments[0], self.results)[0] if experiments else []
        wanted = name.removeprefix(f"{BASELINE}:")
        chosen = [one for one in baselines if one.name == wanted] or (baselines[:1] if name == BASELINE else [])
        if chosen:
            return of_baseline(chosen[0], experiments[0], self.results)
        if name.startswith(BASELINE):
            known = [one.name for one in baselines]
            raise UserError(
                f"{lane_name}: found no baseline {wanted!r}{meant(wanted, known)}",
                f"its baselines: {', '.join(known) or 'none; `groundwork repro` scores them'}",
            )
        if (commit := self.commit(name)) is not None:
            return self._at(commit, name, lane_name, experiments)
        raise self.unknown(name)

    def commit(self, name: str) -> str | None:
        """Return the full hash of a commit; None if git knows none of this name."""
        found = git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
        return found.strip() if found else None

    def lanes_between(self, a: str, b: str) -> list[str]:
        """Return the lanes whose committed metrics differ between two commits."""
        changed = git("diff", "--name-only", a, b, "--", (self.results / "metrics").as_posix()) or ""
        return sorted(Path(line).stem for line in changed.splitlines())

    def unknown(self, name: str) -> UserError:
        """Say that a name stands for nothing."""
        known = [*self.lanes, *(run.run_id for lane in self.lanes for run in self.experiments(lane))]
        return UserError(
            f"{name}: found no run, lane, baseline or commit of this name{meant(name, known)}",
            "`groundwork leaderboard` lists runs and baselines; a baseline needs a lane: `--lane LANE`",
        )

    def _runs(self, name: str) -> list[Experiment]:
        every = [run for lane in self.lanes for run in self.experiments(lane)]
        return [run for run in every if run.run_id == name] or [
            run for run in every if len(name) >= SHORTEST and run.run_id.startswith(name)
        ]

    def _run(self, name: str) -> Experiment:
        if name in self.lanes:
            current = next((run for run in self.experiments(name) if run.current), None)
            if current is None:
                raise UserError(f"{name}: has no current run", f"make one: `groundwork repro {name}`")
            return current
        found = self._runs(name)
        if len(found) > 1:
            raise UserError(
                f"{name}: the ids of {len(found)} runs begin so: {', '.join(run.run_id for run in found)}",
                "write more of the one that you mean",
            )
        return found[0]

    def _with_rows(self, run: Experiment) -> Experiment:
        """Give a run of which only the small record is here the folds of an equal training on this machine."""
        if run.whole:
            return run
        alike = [other for other in self.experiments(run.lane_name) if training_of(other) == training_of(run)]
        return next((replace(other, run_id=run.run_id) for other in alike if other.whole), run)

    def _at(self, commit: str, name: str, lane_name: str, experiments: Sequence[Experiment]) -> Evidence:
        """Find the run of a lane's committed metrics, or its out-of-fold rows in DVC's cache."""
        path = self.results / "metrics" / f"{lane_name}.json"
        committed = git("show", f"{commit}:{path.as_posix()}")
        if committed is None:
            raise UserError(f"{name}: has no {path}", f"`git log -- {path}` lists the commits that have it")
        try:
            metrics: dict[str, Any] = json.loads(committed)
            scores = (metrics["oof"], tuple(metrics["folds"]))
        except (ValueError, KeyError, TypeError):
            raise UserError(f"{name}: its {path} is broken", "name another commit") from None
        for experiment in experiments:
            if (experiment.oof, experiment.folds) == scores:
                return of_experiment(self._with_rows(experiment), self.results)
        if (cached := self._cached(commit, name, lane_name)) is not None:
            return cached
        again = f"`git switch --detach {commit[:7]}`, `groundwork repro {lane_name}`, `git switch -`"
        raise UserError(
            f"{name}: neither this machine's runs nor {CACHE} have the out-of-fold rows of its {lane_name}",
            f"make them: {again}; or, if a DVC remote has them, `dvc fetch --all-commits train@{lane_name}`",
        )

    def _cached(self, commit: str, name: str, lane_name: str) -> Evidence | None:
        """Find what a commit's dvc.lock records of a lane in DVC's cache; None if it is not there."""
        stages = locked_at(commit)
        outs = hashes(stages.get(f"train@{lane_name}", {}), "outs")
        params = recorded_params(stages.get(f"evaluate@{lane_name}", {}))
        oof, folder = (
            in_cache(outs.get((self.results / lane_name / out).as_posix(), ""))
            for out in ("oof.parquet", "checkpoints")
        )
        if oof is None:
            return None
        listed = json.loads(folder.read_text(encoding="utf-8")) if folder else []
        folds = {str(file["relpath"]): in_cache(file["md5"]) for file in listed}
        whole = {file: path for file, path in folds.items() if path}
        competition = str(params.get(f"competitions.{lane_name}.competition", ""))
        return of_files(name, lane_name, competition, oof, whole if len(whole) == len(folds) else {})


def locked_at(commit: str) -> dict[str, Any]:
    """Return the entries of a commit's dvc.lock by stage; none if it has no such file."""
    return parsed(git("show", f"{commit}:{LOCK}") or "{}").get("stages") or {}


def in_cache(md5: str) -> Path | None:
    """Return the path of a file in DVC's cache; None if it is not there."""
    path = CACHE / md5[:2] / md5[2:]
    return path if md5 and path.is_file() else None


def git(*arguments: str) -> str | None:
    """Return what a command of git prints; None if it fails."""
    try:
        return subprocess.run(["git", *arguments], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
