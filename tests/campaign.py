"""Kill `groundwork repro` at random moments, run it again, and compare the results with those of an undisturbed run.

`make campaign` runs it; it takes minutes. Each round starts from a fresh clone, sends a signal at a random moment
between the first stage and the report, to the whole process group or to the parent only, and runs the same command
again. The second run must succeed; metrics, out-of-fold rows, submission and folds must equal those of the undisturbed
run bit by bit; no temporary file may be left, and the leaderboard must show one experiment.
"""

import argparse
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests import clone
from tests.clone import GROUNDWORK, LANE

REPOSITORY = Path(__file__).parents[1]
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
# A run that takes longer than this hangs.
LONGEST = 600.0
RESULTS = ("results/metrics", f"results/{LANE}/oof.parquet", f"results/{LANE}/submission.csv")


@dataclass(frozen=True)
class Kill:
    """A kill: the signal, its target, and the moment as a share of the undisturbed run's time."""

    number: signal.Signals
    parent_only: bool
    share: float

    def __str__(self) -> str:
        target = "the parent only" if self.parent_only else "the group"
        return f"{self.number.name} to {target} at {self.share:.0%}"


def hashes(folder: Path) -> dict[str, str]:
    """Hash the files that must be equal in an undisturbed and a disturbed run."""
    files = [file for path in RESULTS for file in files_of(folder / path)]
    files += [*(folder / f"results/{LANE}/checkpoints").glob("*.fold")]
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def files_of(path: Path) -> Iterator[Path]:
    """Yield a file, or the JSON files of a folder."""
    yield from (path,) if path.is_file() else sorted(path.rglob("*.json"))


def start(folder: Path) -> "subprocess.Popen[str]":
    """Start the command in its own process group and write its output to a file."""
    with (folder / "output.txt").open("a") as output:
        return subprocess.Popen(
            [*GROUNDWORK, "repro", LANE],
            cwd=folder,
            env={**clone.environment(folder), "OMP_NUM_THREADS": "1"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            text=True,
        )


def alive(folder: Path) -> list[psutil.Process]:
    """Find the processes whose working directory is `folder`."""
    processes = []
    for process in psutil.process_iter():
        try:
            if process.cwd() == str(folder) and process.status() != psutil.STATUS_ZOMBIE:
                processes.append(process)
        except psutil.Error:
            pass
    return processes


def leftovers(folder: Path) -> list[str]:
    """List the temporary files that a run has left."""
    folders = (folder / "data", folder / "results")
    return [str(path.relative_to(folder)) for parent in folders for path in parent.rglob(".*.writing-*")]


def killed(folder: Path, kill: Kill, seconds: float) -> list[str]:
    """Kill a run, run again, and list what is wrong afterwards."""
    process = start(folder)
    time.sleep(kill.share * seconds)
    ended = process.poll() is not None
    if not ended:
        if kill.parent_only:
            process.send_signal(kill.number)
        else:
            os.killpg(process.pid, kill.number)
    problems = []
    try:
        process.wait(LONGEST)
        # The other processes must end soon after the parent.
        until = time.monotonic() + 30
        while (still := alive(folder)) and time.monotonic() < until:
            time.sleep(0.1)
        problems += [f"outlives the parent: {' '.join(child.cmdline())[:80]}" for child in still]
        again = start(folder)
        if code := again.wait(LONGEST):
            problems.append(f"the second run ended with {code}")
    except subprocess.TimeoutExpired:
        problems.append("a run hangs")
    problems += [f"left over: {name}" for name in leftovers(folder)]
    return problems


def round_(template: Path, kill: Kill, seconds: float, expected: dict[str, str], keep: Path) -> list[str]:
    """Run a round; keep its folder under `keep` if something is wrong."""
    with tempfile.TemporaryDirectory(prefix="campaign-") as temporary:
        folder = Path(temporary) / "clone"
        shutil.copytree(template, folder, symlinks=True)
        problems = killed(folder, kill, seconds)
        actual = hashes(folder)
        problems += [f"differs: {name}" for name in expected if actual.get(name) != expected[name]]
        records = [*(folder / f"results/experiments/{LANE}").glob("*.json")]
        if len(records) != 1:
            problems.append(f"the leaderboard shows {len(records)} experiments")
        for process in alive(folder):
            process.kill()
        if problems:
            keep.mkdir(parents=True, exist_ok=True)
            shutil.copytree(folder, keep / f"{kill.number.name}-{kill.share:.3f}-{time.time_ns()}", symlinks=True)
        return problems


def main() -> None:
    """Run the campaign; exit with 1 if a round fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=64, help="rounds (default 64)")
    parser.add_argument("--seed", type=int, default=0, help="seed of signals and moments (default 0)")
    parser.add_argument("--workers", type=int, default=2, help="rounds at a time (default 2)")
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()) / "campaign-failures")
    options = parser.parse_args()
    draw = random.Random(options.seed)
    with tempfile.TemporaryDirectory(prefix="campaign-template-") as temporary:
        template = Path(temporary)
        clone.make(REPOSITORY, template)
        with tempfile.TemporaryDirectory(prefix="campaign-undisturbed-") as parent:
            undisturbed = Path(parent) / "clone"
            shutil.copytree(template, undisturbed, symlinks=True)
            began = time.monotonic()
            if code := start(undisturbed).wait(LONGEST):
                sys.exit(f"the undisturbed run ended with {code}:\n{(undisturbed / 'output.txt').read_text()}")
            seconds = (time.monotonic() - began) * max(1.0, 0.75 * options.workers)
            expected = hashes(undisturbed)
        kills = [
            Kill(SIGNALS[number % 4], number // 4 % 2 == 1, draw.uniform(0.02, 0.98)) for number in range(options.kills)
        ]
        print(f"undisturbed: {len(expected)} files; {len(kills)} kills over about {seconds:.0f} s each", flush=True)
        with ThreadPoolExecutor(options.workers) as pool:
            outcomes = pool.map(lambda kill: round_(template, kill, seconds, expected, options.keep), kills)
            counts = Counter[str]()
            for kill, problems in zip(kills, outcomes, strict=True):
                print(f"{kill}: {'; '.join(problems) or 'passed'}", flush=True)
                counts["failed" if problems else "passed"] += 1
    print(f"{len(kills)} kills: {counts['passed']} passed, {counts['failed']} failed")
    sys.exit(1 if counts["failed"] else 0)


if __name__ == "__main__":
    main()
