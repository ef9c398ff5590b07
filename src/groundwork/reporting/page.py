"""Writes the page."""

import json
from collections.abc import Collection
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from groundwork.errors import UserError
from groundwork.experiments.records import LEDGER, RESULTS, baselines, chosen_lanes, load
from groundwork.experiments.selection import number, setting
from groundwork.files import write_text
from groundwork.reporting.sections import section

REPORT = RESULTS / "report" / "index.html"


def report(
    out: Path = REPORT,
    results: Path = RESULTS,
    ledger: Path = LEDGER,
    only: Collection[str] = (),
    most: int | None = None,
) -> list[str]:
    """Write the report to `out`; equal experiments give an equal page.

    Parameters
    ----------
    only
        The lanes to show; empty for all.
    most
        How many experiments of a lane are shown: the current one, and the best of the others. None for all.

    Returns
    -------
    list of str
        One line for each file that could not be read and was left out; the page lists them too.

    Raises
    ------
    UserError
        If there is no experiment to show, or none of a lane of `only`.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    sections, problems = [], []
    for lane_name in chosen_lanes(only, results):
        experiments, broken = load(lane_name, results, ledger)
        compared, unread = baselines(experiments[0], results) if experiments else ([], [])
        problems += broken + unread
        if most is not None:
            best = [one for one in experiments if not one.current][: most - any(one.current for one in experiments)]
            experiments = [one for one in experiments if one.current or one in best]
        if experiments:
            sections.append(section(lane_name, experiments, compared, results))
            problems += sections[-1]["problems"]
    if not sections:
        raise UserError("; ".join([f"{results}: no experiments", *problems]), "run each lane: `dvc repro`")
    folder = Path(__file__).parent
    page = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page.filters |= {"number": number, "setting": setting, "data": _data, "mean": fmean, "sd": stdev}
    text = page.get_template("page.html.j2").render(
        sections=sections,
        problems=problems,
        style=(folder / "page.css").read_text(encoding="utf-8"),
        script=(folder / "page.js").read_text(encoding="utf-8"),
        vega=(folder / "vendor" / "vega.js").read_text(encoding="utf-8"),
    )
    write_text(out, text + "\n")
    return problems


def _data(value: Any) -> str:
    """Write data for a script element: no text in it can end the element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
