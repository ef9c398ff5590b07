"""Compare seeds of the shipped parameters on Kaggle's archives in independent pairs: a part of `make honesty`."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd
from ruamel.yaml import YAML
from scipy.stats import beta

from groundwork import competitions
from groundwork.verdict.rows import Rows
from groundwork.verdict.verdict import Side, judge

GROUNDWORK = (sys.executable, "-c", "from groundwork.cli import main; main()")


def real(lane_name: str, archive: Path, seeds: int) -> str:
    """Train seeds of a lane's shipped parameters; return its row of the table of independent pairs."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        frames = trained(lane_name, archive, seeds, folder)
    competition = competitions.load(lane_name.replace("-", "_"))
    rows = Rows.of(competition, frames[0])
    predicted = [rows.predictions(frame, "seed") for frame in frames]
    # A quarter of the seeds shows the spread; the others are compared, each once.
    spread, rest = predicted[: seeds // 4], predicted[seeds // 4 :]
    pairs = list(zip(rest[::2], rest[1::2], strict=False))
    verdicts = [judge(rows, Side("a", [a]), Side("b", [b]), spread=[spread]) for a, b in pairs]
    found = sum(verdict.outcome in ("better", "worse") for verdict in verdicts)
    return f"| `{lane_name}` | {seeds} | {len(pairs)} | {found} | {binomial(found, len(pairs))} |\n"


def trained(lane_name: str, archive: Path, seeds: int, folder: Path) -> list[pd.DataFrame]:
    """Run the pipeline's commands in `folder` for each seed; return the out-of-fold rows."""
    for name in ("dvc.yaml", "params.yaml"):
        shutil.copyfile(name, folder / name)
    yaml = YAML()
    params = yaml.load(folder / "params.yaml")
    params["tracking"]["mode"] = "disabled"
    raw = folder / "data" / "raw" / f"{lane_name}.zip"
    raw.parent.mkdir(parents=True)
    shutil.copyfile(archive, raw)
    frames = []
    for seed in range(seeds):
        # Replicate 0 has seed + fold: seeds far apart share none.
        params["seed"] = 100 * seed
        yaml.dump(params, folder / "params.yaml")
        for stage in ("validate", *(() if frames else (f"prepare {lane_name}",)), f"train {lane_name}"):
            subprocess.run([*GROUNDWORK, *stage.split()], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        frames.append(pd.read_parquet(folder / "results" / lane_name / "oof.parquet"))
    return frames


def binomial(found: int, of: int) -> str:
    """Write the interval of 95 % of a share, by Clopper and Pearson."""
    low = beta.ppf(0.025, found, of - found + 1) if found else 0.0
    high = beta.ppf(0.975, found + 1, of - found) if found < of else 1.0
    return f"{100 * low:.0f} to {100 * high:.0f} %"
