"""Run the recommendation lane on a generated archive as large as Kaggle's: seconds and peak memory of each stage.

`make bench-scale` runs it. 31.8 million purchases, 1.37 million customers and 105,542 articles take some 3 GB in a
temporary folder, and each stage is the pipeline's own command in a process of its own. `--scale 0.01` makes everything
smaller. Articles are drawn by Zipf's law, half of them for some weeks only; customers buy in baskets.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv
from ruamel.yaml import YAML

from groundwork import competitions, settings
from groundwork.experiments.dvcfiles import DECLARED

LANE = "fashion-recommendations"
PURCHASES, CUSTOMERS, ARTICLES, WEEKS = 31_788_324, 1_371_980, 105_542, 105
FIRST, BASKET, STAY = np.datetime64("2018-09-20"), 3.0, 12
# What a log of this size is trained with: its last weeks say what sells, and a pass over them has enough steps. One
# week validates: each further one would train as long again, in no more memory.
SIZE = {"encoding": {"spans": 8}, "training": {"epochs": 1, "batch_size": 1024}}
STAGES = ("prepare", "baselines", "train", "evaluate", "predict")
GROUNDWORK = (sys.executable, "-c", "from groundwork.cli import main; main()")


def generate(path: Path, scale: float) -> None:
    """Write the archive in pieces: a week of the log at a time."""
    rng = np.random.default_rng(0)
    small = competitions.load("fashion_recommendations").sample(rng)
    customers, articles = (max(int(count * scale), 12) for count in (CUSTOMERS, ARTICLES))
    ids = {"customer_id": _hexadecimal(rng, customers), "article_id": _articles(rng, articles)}
    answer = pa.repeat(" ".join(ids["article_id"][:12].to_pylist()), customers)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for member, key in (("articles.csv", "article_id"), ("customers.csv", "customer_id")):
            rows = pa.Table.from_pandas(small[member]).take(rng.integers(len(small[member]), size=len(ids[key])))
            _write(archive, member, [rows.set_column(0, key, ids[key])])
        _write(archive, "sample_submission.csv", [pa.table({"customer_id": ids["customer_id"], "prediction": answer})])
        _write(archive, "transactions_train.csv", _log(rng, ids["customer_id"], ids["article_id"], PURCHASES * scale))


def _hexadecimal(rng: np.random.Generator, count: int) -> pa.Array:
    """Draw ids of 64 hexadecimal digits, as Kaggle's."""
    digits = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)[rng.integers(16, size=64 * count, dtype=np.uint8)]
    offsets = np.arange(0, 64 * count + 1, 64, dtype=np.int32)
    return pa.StringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(digits))


def _articles(rng: np.random.Generator, count: int) -> pa.Array:
    """Draw ids of ten digits, the first of them 0."""
    numbers = pa.array(108775015 + np.cumsum(rng.integers(1, 8000, count)))
    return pc.utf8_lpad(numbers.cast(pa.string()), 10, "0")


def _log(rng: np.random.Generator, customers: pa.Array, articles: pa.Array, purchases: float) -> Iterator[pa.Table]:
    """Yield the log a week at a time, by day."""
    active = np.cumsum(rng.lognormal(0, 1.3, len(customers)))
    popular = 1 / rng.permutation(np.arange(1, len(articles) + 1)) ** 0.8
    launch = rng.integers(-WEEKS, WEEKS, len(articles))
    price = rng.integers(5, 100, len(articles)) / 590 - 0.01 / 590
    for week in range(WEEKS):
        on_sale = np.cumsum(popular * ((launch < 0) | ((week >= launch) & (week < launch + STAY))))
        baskets = int(purchases / WEEKS / BASKET) + 1
        size = rng.geometric(1 / BASKET, baskets)
        who = np.repeat(np.searchsorted(active, rng.random(baskets) * active[-1], side="right"), size)
        day = np.repeat(np.sort(rng.integers(7 * week, 7 * week + 7, baskets)), size)
        what = np.searchsorted(on_sale, rng.random(len(who)) * on_sale[-1], side="right")
        yield pa.table(
            {
                "t_dat": pa.array(FIRST + day).cast(pa.date32()),
                "customer_id": customers.take(pa.array(who)),
                "article_id": articles.take(pa.array(what)),
                "price": price[what],
                "sales_channel_id": rng.integers(1, 3, len(who)),
            }
        )


def _write(archive: zipfile.ZipFile, member: str, pieces: Iterable[pa.Table]) -> None:
    with archive.open(member, "w", force_zip64=True) as stream:
        for number, piece in enumerate(pieces):
            if number == 0:
                stream.write((",".join(piece.column_names) + "\n").encode())
            # Prose may hold commas; quotes around everything else would only make the file longer than Kaggle's.
            style = "needed" if "detail_desc" in piece.column_names else "none"
            csv.write_csv(piece, stream, csv.WriteOptions(include_header=False, quoting_style=style))


def measure(command: tuple[str, ...], folder: Path) -> tuple[float, float, float]:
    """Run a command in `folder`; return seconds, seconds of all its processors, and its peak memory in GiB."""
    start = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder)
    # Not `process.wait`: only this tells of the one process's memory.
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command[-2:])}: exit code {process.returncode}")
    kilobytes = usage.ru_maxrss / (1024 if sys.platform == "darwin" else 1)
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime, kilobytes / 2**20


def main() -> None:
    """Generate the archive, run the stages and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0, help="size of the archive; 1.0 is Kaggle's (default)")
    parser.add_argument("--stages", nargs="*", choices=STAGES, default=STAGES, help="default: all")
    parser.add_argument("--params", type=Path, default=settings.PARAMS, help="where the lane's parameters are")
    parser.add_argument("--generate", type=Path, metavar="ZIP", help="only write the archive, to this path")
    arguments = parser.parse_args()
    if arguments.generate:
        generate(arguments.generate, arguments.scale)
        return
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        content = YAML(typ="safe").load(arguments.params)
        lane = content["competitions"][LANE]
        lane |= {"source": "kaggle", "encoding": lane["encoding"] | SIZE["encoding"], "folds": 1}
        lane["training"] = lane["training"] | SIZE["training"]
        content["competitions"] = {LANE: lane}
        YAML(typ="safe").dump(content, folder / settings.PARAMS)
        shutil.copyfile(DECLARED, folder / DECLARED)
        subprocess.run([*GROUNDWORK, "validate"], cwd=folder, check=True)
        raw = folder / "data" / "raw" / f"{LANE}.zip"
        raw.parent.mkdir(parents=True)
        itself = (sys.executable, str(Path(__file__).resolve()))
        make = (*itself, "--scale", str(arguments.scale), "--generate", str(raw))
        commands = {"generate": make} | {stage: (*GROUNDWORK, stage, LANE) for stage in arguments.stages}
        print(f"{'stage':<10}{'seconds':>9}{'CPU s':>9}{'peak GiB':>10}")
        for stage, command in commands.items():
            seconds, busy, memory = measure(command, folder)
            print(f"{stage:<10}{seconds:>9.1f}{busy:>9.1f}{memory:>10.2f}", flush=True)


if __name__ == "__main__":
    main()
