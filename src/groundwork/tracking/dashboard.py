"""Makes a project's workspace and a report that compares its lanes, as code, with the package `wandb-workspaces`."""

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from groundwork.errors import UserError
from groundwork.files import read_or_empty, write_json
from groundwork.settings import Tracking
from groundwork.tracking.server import first_line
from groundwork.tracking.sync import require_server

PACKAGE = "wandb_workspaces"
INSTALL = "install it: `pip install 'groundwork[dashboard]'`, in a clone `pip install -e '.[dashboard]'`"
NAME = "Groundwork"
REPORT = "Groundwork: experiments by lane"
# The columns beside a run's name: by the first one, runs of all lanes can be sorted.
COLUMNS = ["cv/score", "cv/mean", "cv/sd", "cv/metric", "public_score", "private_score"]
BAND = ["mean", "low", "high"]
# Where the addresses of what was made are kept, so that the next call changes it in place of making another.
KEPT = Path("wandb/dashboard.json")


def dashboard(tracking: Tracking, metrics: Mapping[str, str], root: Path = Path(".")) -> list[str]:
    """Make or renew the workspace and the report of the project in a W&B account.

    Parameters
    ----------
    tracking
        Section of params.yaml: the project and its entity.
    metrics
        The metric of each lane.

    Returns
    -------
    list of str
        The addresses of both.

    Raises
    ------
    UserError
        If `wandb-workspaces` is missing, there is no key or no server, or the server refuses.
    """
    if importlib.util.find_spec(PACKAGE) is None:
        raise UserError("the dashboard needs the package wandb-workspaces, which is not installed", INSTALL)
    require_server("groundwork dashboard")
    import wandb

    try:
        entity = str(tracking.entity or wandb.Api().default_entity)
        kept, place = read_or_empty(root / KEPT), f"{entity}/{tracking.project}"
        made = _workspace(entity, tracking.project, metrics, kept.get(place, {}).get("workspace", {}))
        # Each is kept as soon as it is there.
        write_json(root / KEPT, {**kept, place: {**kept.get(place, {}), "workspace": made}})
        kept = read_or_empty(root / KEPT)
        report = _report(entity, tracking.project, metrics, kept.get(place, {}).get("report", {}))
        write_json(root / KEPT, {**kept, place: {**kept.get(place, {}), "report": report}})
    except Exception as error:
        raise UserError(
            f"W&B: the dashboard of {tracking.project} was not made: {first_line(error)}",
            "check `entity` and `project` under `tracking` in params.yaml, and that `groundwork sync` has sent a run",
        ) from error
    return [made["url"], report["url"]]


def _band(name: str) -> Any:
    """Draw the mean of the folds' curves, and a standard deviation either way."""
    from wandb_workspaces.reports import v2 as wr

    return wr.LinePlot(title=f"{name}: mean of the folds ± sd", x="epoch", y=[f"{part}/{name}" for part in BAND])


def _curves(metrics: Sequence[str]) -> list[Any]:
    return [_band(name) for name in ("train_loss", "val_loss", *(f"val_{metric}" for metric in metrics))]


def _scores() -> list[Any]:
    from wandb_workspaces.reports import v2 as wr

    return [
        wr.BarPlot(title="cv/score: higher is better", metrics=[wr.SummaryMetric("cv/score")], max_bars_to_show=20),
        wr.ScatterPlot(title="CV and leaderboard", x=wr.SummaryMetric("cv/mean"), y=wr.SummaryMetric("public_score")),
    ]


def _workspace(entity: str, project: str, metrics: Mapping[str, str], kept: Mapping[str, str]) -> dict[str, str]:
    from wandb_workspaces import workspaces as ws
    from wandb_workspaces.reports import v2 as wr

    sections = [
        ws.Section(name="Scores", panels=_scores(), is_open=True),
        ws.Section(name="Curves", panels=_curves(sorted({*metrics.values()})), is_open=True),
        ws.Section(name="Mistakes", panels=[wr.MediaBrowser(media_keys=["oof/mistakes"])], is_open=True),
        ws.Section(name="What differs", panels=[wr.RunComparer(diff_only="split")]),
    ]
    view = ws.Workspace(
        entity=entity,
        project=project,
        name=NAME,
        sections=sections,
        settings=ws.WorkspaceSettings(x_axis="epoch", max_runs=20),
        runset_settings=ws.RunsetSettings(
            groupby=[ws.Metric("Group")],
            order=[ws.Ordering(ws.Summary("cv/score"), ascending=False)],
            pinned_columns=["run:displayName", *(f"summary:{column}" for column in COLUMNS)],
        ),
    )
    if kept:
        view._internal_name, view._internal_id = kept["name"], kept["id"]
    view.save()
    return {"url": view.url, "name": view._internal_name, "id": view._internal_id}


def _report(entity: str, project: str, metrics: Mapping[str, str], kept: Mapping[str, str]) -> dict[str, str]:
    from wandb_workspaces import expr
    from wandb_workspaces.reports import v2 as wr

    blocks: list[Any] = [
        wr.MarkdownBlock(
            "`cv/score` is the cross-validated metric, higher is better: an error e is 1 - e / (the error of the best "
            "constant). Runs that are tagged `sample` were trained on generated rows."
        ),
        wr.TableOfContents(),
    ]
    for lane_name, metric in metrics.items():
        runs = wr.Runset(
            entity=entity,
            project=project,
            name=lane_name,
            filters=expr.And(expr.Tags().isin([lane_name])),
            order=[wr.OrderBy(wr.SummaryMetric("cv/score"), ascending=False)],
        )
        panels = [*_scores(), *_curves([metric]), wr.RunComparer(diff_only="split")]
        blocks += [wr.H2(lane_name), wr.PanelGrid(runsets=[runs], panels=panels)]
    report = wr.Report(entity=entity, project=project, title=REPORT, blocks=blocks, width="fluid")
    if kept:
        report.id = kept["id"]
    report.save()
    return {"url": report.url, "id": report.id}
