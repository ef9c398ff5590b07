"""Shows where experiments stand among Kaggle's teams, if `groundwork board` has fetched their scores."""

from collections.abc import Sequence

from groundwork import competitions
from groundwork.errors import UserError
from groundwork.experiments import medals
from groundwork.experiments.records import Experiment
from groundwork.experiments.selection import number
from groundwork.reporting.charts import Chart, chart

TEAMS = 300  # points of the line of teams
MOST = 20  # scores shown
FAR = 0.9  # of the teams are on the axis: the worst ones are far away, and show nothing

Score = tuple[str, float, bool]


def standing(shown: Experiment, ranked: Sequence[Experiment]) -> tuple[str, Chart | None, str]:
    """Look for the leaderboard of an experiment's competition.

    Parameters
    ----------
    shown, ranked
        The experiment that a section shows, and all comparable ones, of which those with a public score are drawn, too.

    Returns
    -------
    words
        Where it would stand; empty without a leaderboard, and for scores of a sample.
    chart
        Its score among those of the teams, or None.
    problem
        What is wrong with the file; empty if nothing is.
    """
    name = str(shown.settings.get("competition", ""))
    if shown.settings.get("source") != "kaggle" or name not in competitions.names():
        return "", None, ""
    try:
        found = medals.read(competitions.load(name).slug, higher_is_better=shown.higher_is_better)
    except UserError as error:
        return "", None, f"{shown.lane_name}: medals are not shown: {error.problem}"
    if found is None:
        return "", None, ""
    scores: list[Score] = [(shown.run_id, shown.score, True)]
    for one in [shown, *(one for one in ranked if one is not shown)]:
        if one.public_score:
            scores += [(one.run_id, float(one.public_score), False)]
    return found.words(shown.score, estimated=True), _drawn(found, scores[:MOST]), ""


def _drawn(found: medals.Standings, scores: Sequence[Score]) -> Chart:
    """Draw the scores of the teams by place, the last score of each medal, and ours."""
    points = [
        {"run": run, "score": score, "place": found.place(score), "is": "out-of-fold" if estimated else "leaderboard"}
        for run, score, estimated in scores
    ]
    places = range(0, len(found.scores), max(1, len(found.scores) // TEAMS))
    teams = [{"place": place + 1, "score": found.scores[place]} for place in places]
    cuts = [{"medal": name, "score": score} for name, score in found.cuts.items()]
    ends = [score for _, score, _ in scores] + [found.scores[0], found.scores[int(FAR * (len(found.scores) - 1))]]
    scale = {"domain": [min(ends), max(ends)], "clamp": True}
    x = {"field": "score", "type": "quantitative", "title": "score", "scale": scale}
    y = {"field": "place", "type": "quantitative", "scale": {"reverse": True}}
    color = {"field": "is", "title": None, "scale": {"domain": ["leaderboard", "out-of-fold"]}}
    text = {"type": "text", "angle": 270, "align": "right", "dy": -6}
    told = ", ".join(f"{name} {number(score)}" for name, score in found.cuts.items())
    ours = "; ".join(f"{run} {number(score)} {found.words(score, estimated)}" for run, score, estimated in scores[:3])
    return chart(
        f"Among Kaggle's teams on {found.day}",
        f"{len(found.scores):,} teams; {told}; {ours}",
        points,
        layer=[
            {"data": {"values": teams}, "mark": {"type": "line", "strokeWidth": 1.5}, "encoding": {"x": x, "y": y}},
            {"data": {"values": cuts}, "mark": {"type": "rule", "strokeDash": [4, 3]}, "encoding": {"x": x}},
            {
                "data": {"values": cuts},
                "mark": text,
                "encoding": {"x": x, "y": {"value": 4}, "text": {"field": "medal"}},
            },
            {
                "mark": {"type": "point", "filled": True, "size": 70},
                "encoding": {"x": x, "y": y, "color": color, "tooltip": [{"field": name} for name in points[0]]},
            },
        ],
    )
