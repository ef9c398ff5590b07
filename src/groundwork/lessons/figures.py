"""Figures with the same style in all lessons, and small files."""

import itertools
import os
from pathlib import Path
from typing import Any

_saved = itertools.count(1)

DPI = 80
FILES_ALONE = ("agg", "cairo", "pdf", "pgf", "ps", "svg", "template")  # backends without a window
STYLE: Any = {
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": "medium",
    "figure.dpi": DPI,
    "font.size": 10,
    "grid.color": "0.9",
    "image.cmap": "viridis",
    "legend.frameon": False,
    "savefig.dpi": DPI,
}


def subplots(rows: int = 1, columns: int = 1, *, width: float = 7.0, height: float = 3.2, **arguments: Any) -> Any:
    """Make a figure and its axes, as `matplotlib.pyplot.subplots` does, in the lessons' style.

    Parameters
    ----------
    rows, columns
        Number of axes down and across.
    width, height
        Of the whole figure, in inches.
    **arguments
        As of matplotlib's.

    Returns
    -------
    tuple
        The figure, and its axes: one, or an array of them.
    """
    import matplotlib.pyplot as plt

    # Set permanently: some of these are read only when a figure is drawn.
    plt.rcParams.update(STYLE)
    return plt.subplots(rows, columns, figsize=(width, height), layout="constrained", **arguments)


def show(seen: str = "") -> None:
    """Show the figures: below the cell in a notebook, in a window on a screen, and as files elsewhere.

    Parameters
    ----------
    seen
        What they show, for people who cannot see them. A notebook keeps it as the picture's ``alt``.
    """
    import matplotlib.pyplot as plt

    if "inline" in plt.get_backend():
        from IPython.display import display

        in_a_cell: Any = display  # IPython is typed in part
        for number in plt.get_fignums():
            in_a_cell(plt.figure(number), metadata={"image/png": {"alt": seen}})
        plt.close("all")
        return
    if plt.get_backend().lower() not in FILES_ALONE:
        plt.show()
        return
    # A script in a terminal without a screen.
    from groundwork.lessons.course import WORK

    for number in plt.get_fignums():
        path = WORK / "figures" / f"{_script()}_{next(_saved)}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        plt.figure(number).savefig(path)
        print(f"figure: {os.path.relpath(path)}")
    plt.close("all")


def _script() -> str:
    import __main__

    return Path(getattr(__main__, "__file__", None) or "figure").stem
