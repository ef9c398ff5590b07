"""A fingerprint changes with the code that a stage uses, and with nothing else."""

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from groundwork import params
from groundwork.experiments.fingerprint import HiddenNameError, edited, fingerprint, parse, summary, text
from groundwork.sections.training import OwnCallback
from groundwork.settings import Lane

Files = dict[str, str]

BASE = {
    "stages/train.py": """
        '''Train.'''
        import numpy as np
        from groundwork import tools
        from groundwork.tables import NETWORKS

        RATE = 0.1
        idle = 1

        def run(job):
            '''Run.'''
            # a comment
            network = NETWORKS[job.lane.model.network]
            return network(tools.double(RATE), job.competition.metric, np.pi)

        def unused():
            return idle
        """,
    "tools.py": """
        def double(number):
            return _twice(number)

        def _twice(number):
            return 2 * number

        def halve(number):
            return number / 2
        """,
    "tables.py": """
        from groundwork.naming import ByName
        from groundwork.networks import cnn, fnn

        NETWORKS: ByName[object] = {"fnn": fnn.build, "cnn": cnn.build}
        """,
    "networks/fnn.py": "def build(*settings):\n    return settings\n",
    "networks/cnn.py": "def build(*settings):\n    return list(settings)\n",
    "competitions/titanic.py": """
        from groundwork.competitions import Labelled

        def features(frame):
            return frame

        def sample(rng):
            return {}

        competition = Labelled(slug="titanic", metric="accuracy", features=features, sample=sample)
        """,
    "competitions/__init__.py": "class Labelled:\n    slug: str\n",
    "naming.py": "ByName = dict\n",
    "__init__.py": "",
    "stages/__init__.py": "",
    "networks/__init__.py": "",
}

Fingerprint = Callable[..., dict[str, str]]


@pytest.fixture
def lane(repository: Path) -> Lane:
    return params.load(repository / "params.yaml").lane("titanic")


@pytest.fixture
def of(tmp_path: Path, lane: Lane) -> Fingerprint:
    """Fingerprint a small package; `changes` replace files of it, or parts of their text."""

    def take(changes: dict[str, str | tuple[str, str]] | None = None) -> dict[str, str]:
        for name, content in BASE.items():
            change = (changes or {}).get(name)
            source_text = textwrap.dedent(content)
            if isinstance(change, tuple):
                assert textwrap.dedent(change[0]) in source_text
                source_text = source_text.replace(*map(textwrap.dedent, change))
            file = tmp_path / "groundwork" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(textwrap.dedent(change) if isinstance(change, str) else source_text)
        for name in (changes or {}).keys() - BASE.keys():
            file = tmp_path / "groundwork" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(textwrap.dedent(str((changes or {})[name])))
        return fingerprint("train", lane, tmp_path)

    return take


def test_it_holds_what_is_reached_by_name(of: Fingerprint) -> None:
    assert [name for name, value in of().items() if value != "external"] == [
        "groundwork.competitions.Labelled",
        "groundwork.competitions.titanic.competition",
        "groundwork.competitions.titanic.competition.metric",
        "groundwork.networks.fnn.build",
        "groundwork.stages.train.RATE",
        "groundwork.stages.train.run",
        "groundwork.tables.NETWORKS[fnn]",
        "groundwork.tools._twice",
        "groundwork.tools.double",
    ]
    assert of()["numpy:pi"] == "external"


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("stages/train.py", ("# a comment", "# another one\n    # and one more")),
        ("stages/train.py", ("'''Run.'''", "'''Run it.'''")),
        ("stages/train.py", ("'''Run.'''", "")),
        ("stages/train.py", ("def run(job):", "def run(job: object) -> object:")),
        ("stages/train.py", ("return idle", "return idle + 1")),
        ("stages/train.py", ("idle = 1", "idle = 2")),
        ("stages/train.py", ("RATE = 0.1", "RATE = (\n    0.1\n)")),
        ("tools.py", ("return number / 2", "return number / 3")),
        ("tools.py", ("return 2 * number", "return (2*number)")),
        ("networks/cnn.py", ("list(settings)", "tuple(settings)")),
        ("tables.py", ('"cnn": cnn.build}', '"cnn": cnn.build, "new": cnn.build}')),
        ("networks/new.py", "def build():\n    pass\n"),
        ("competitions/titanic.py", ("return frame", "return frame + 1")),
        ("competitions/titanic.py", ("return {}", "return {1: 2}")),
    ],
)
def test_it_stays_with_an_edit_that_changes_nothing(name: str, change: str | tuple[str, str], of: Fingerprint) -> None:
    assert edited(of(), of({name: change})) == []


@pytest.mark.parametrize(
    ("name", "change", "differ"),
    [
        ("stages/train.py", ("RATE = 0.1", "RATE = 0.2"), {"groundwork.stages.train.RATE"}),
        ("stages/train.py", ("np.pi)", "np.e)"), {"groundwork.stages.train.run", "numpy:e", "numpy:pi"}),
        ("stages/train.py", ("import numpy as np", "import torch as np"), {"numpy:pi", "torch:pi"}),
        ("stages/train.py", ("import numpy as np", "import numpy as np\nprint(1)"), {"groundwork.stages.train"}),
        ("tools.py", ("2 * number", "3 * number"), {"groundwork.tools._twice"}),
        ("networks/fnn.py", ("return settings", "return settings[1:]"), {"groundwork.networks.fnn.build"}),
        ("competitions/titanic.py", ('"accuracy"', '"auc"'), {"groundwork.competitions.titanic.competition.metric"}),
    ],
)
def test_it_names_what_was_edited(name: str, change: tuple[str, str], differ: set[str], of: Fingerprint) -> None:
    assert set(edited(of(), of({name: change}))) == differ


def test_a_field_of_the_competition_counts_where_it_is_read(of: Fingerprint) -> None:
    reading = {"stages/train.py": ("np.pi)", "np.pi, job.competition.features)")}
    before = of(reading)
    assert "groundwork.competitions.titanic.features" in before
    assert edited(before, of({**reading, "competitions/titanic.py": ("return frame", "return 0")})) == [
        "groundwork.competitions.titanic.features"
    ]
    assert edited(before, of({**reading, "competitions/titanic.py": ("return {}", "return {1: 2}")})) == []


def test_a_constant_key_enters_a_table_there_alone(of: Fingerprint) -> None:
    definitions = of({"stages/train.py": ("NETWORKS[job.lane.model.network]", 'NETWORKS["cnn"]')})
    assert {name for name in definitions if "NETWORKS" in name} == {"groundwork.tables.NETWORKS[cnn]"}


def test_a_table_that_the_lane_does_not_point_into_counts_whole(of: Fingerprint) -> None:
    definitions = of({"tables.py": ('{"fnn": fnn.build, "cnn": cnn.build}', '{"one": fnn.build, "two": cnn.build}')})
    assert {"groundwork.networks.fnn.build", "groundwork.networks.cnn.build"} <= definitions.keys()


def test_a_file_that_is_opened_by_name_counts(of: Fingerprint) -> None:
    reading = {
        "tools.py": ("return 2 * number", "return Path(__file__).with_name('page.txt').read_text()"),
        "page.txt": "one",
    }
    before = of(reading)
    assert edited(before, of({**reading, "page.txt": "two"})) == ["groundwork.tools:page.txt"]


@pytest.mark.parametrize(
    "statement",
    [
        "importlib.import_module('groundwork.networks.cnn').build()",
        "__import__('groundwork.networks.cnn')",
        "eval('number')",
        "globals()['halve'](number)",
        "open(__file__)",
    ],
)
def test_what_hides_a_name_is_refused(statement: str, of: Fingerprint) -> None:
    with pytest.raises(HiddenNameError):
        of({"tools.py": ("return 2 * number", f"import importlib\n    return {statement}")})


def test_a_class_that_the_lane_names_by_dotted_path_counts(of: Fingerprint, lane: Lane, tmp_path: Path) -> None:
    loading = {
        "naming.py": "import importlib\n\ndef load(path):\n    return importlib.import_module(path)\n",
        "tools.py": ("return 2 * number", "from groundwork.naming import load\n    return load(number)"),
    }
    of(loading)
    own = tmp_path / "own" / "monitor.py"
    own.parent.mkdir()
    own.write_text("from own import helper\n\nclass Monitor:\n    value = helper.VALUE\n\nclass Other:\n    pass\n")
    own.with_name("helper.py").write_text("VALUE = 1\n")
    own.with_name("__init__.py").touch()
    callback = OwnCallback(callback="own.monitor.Monitor")
    naming = lane.model_copy(update={"training": lane.training.model_copy(update={"callbacks": [callback]})})
    definitions = fingerprint("train", naming, tmp_path)
    assert {"own.monitor.Monitor", "own.helper.VALUE"} <= definitions.keys()
    assert "own.monitor.Other" not in definitions
    assert "own.monitor.Monitor" not in fingerprint("train", lane, tmp_path)


def test_what_is_logged_does_not_count(of: Fingerprint) -> None:
    stage = """
        from groundwork.tracking.tracker import Tracker

        def run(job):
            Tracker()
        """
    logs = {"stages/train.py": stage, "tracking/__init__.py": "", "tracking/tracker.py": "class Tracker:\n    pass\n"}
    before = of(logs)
    assert before["groundwork.tracking.tracker:Tracker"] == "external"
    assert of({**logs, "tracking/tracker.py": "class Tracker:\n    epoch = 1\n"}) == before


def test_a_star_is_refused(of: Fingerprint) -> None:
    with pytest.raises(HiddenNameError, match=r"import \* hides where np\.pi comes from"):
        of({"stages/train.py": ("import numpy as np", "from numpy import *")})


@pytest.mark.parametrize(
    ("body", "reached"),
    [
        ("halve = number\n    return halve", False),  # a local name
        ("return [halve for halve in number]", False),
        ("return (lambda halve: halve)(number)", False),
        ("def inner(halve):\n        return halve\n    return inner(number)", False),
        ("return [halve(n) for n in number]", True),
        ("def inner():\n        return halve(number)\n    return inner()", True),
        ("match number:\n        case halve:\n            return halve", False),
        ("from groundwork.tools import halve as other\n    return other(number)", True),
        ("class Inner:\n        halve = 1\n        def f(self):\n            return halve\n    return Inner", True),
        ("try:\n        pass\n    except ValueError as halve:\n        return halve", False),
    ],
)
def test_pythons_scopes_decide_what_a_name_means(body: str, reached: bool, of: Fingerprint) -> None:
    assert ("groundwork.tools.halve" in of({"tools.py": ("return 2 * number", body)})) is reached


# Whatever a Python adds to its syntax trees, these stay: CI runs them on each one that we support.
GOLDEN = """
    import asyncio
    from groundwork import tools as helper

    @property
    def run(job, /, first=1, *rest, key: int = 0x10, **more):
        '''Docstring.'''
        if (count := len(rest)) > 1_000 and first is not None:
            return f"{job!r:>{count}} and {'nested'!s}" f" {more=}"
        match job:
            case {"a": [1, *others], **left} if others:
                return left
            case int(real=3) | str():
                pass
        values = {name: value for name, value in more.items() if not name.startswith("_")}
        async def inner():
            async with asyncio.Lock() as held:
                yield held
        try:
            return helper.double(lambda *a: (*a, 1e3, 2j, b"bytes", "text", ...))
        except* ValueError as problem:
            del problem
        return values[1:2, ::3]
    """


def test_golden(of: Fingerprint) -> None:
    definitions = of({"stages/train.py": GOLDEN})
    assert definitions["groundwork.stages.train.run"] == "e79e53de04119452"
    assert summary(definitions) == "f03d26d94d8e25fd8f1e76011c66f979cba1d86521d7eb55597d05501499925d"


def test_it_is_written_and_read(of: Fingerprint) -> None:
    assert parse(text(of())) == of()


@pytest.mark.parametrize("stage", ["fetch", "prepare", "baselines", "train", "evaluate", "predict", "submission"])
def test_every_stage_of_every_lane_can_be_followed(stage: str, repository: Path) -> None:
    for lane in params.load(repository / "params.yaml").competitions.values():
        definitions = fingerprint(stage, lane, repository / "src")
        assert f"groundwork.stages.{stage}.run" in definitions
        assert not any(name.startswith("groundwork.lessons") for name in definitions)


OWN_METRIC = {
    "metrics.py": """
        from groundwork.naming import ByName

        class Metric:
            pass

        METRICS: ByName[Metric] = {"auc": Metric(), "rmse": Metric()}
        """,
    "stages/train.py": """
        from groundwork.metrics import METRICS

        def run(job):
            return METRICS.get(job.competition.metric, job.competition.metric)
        """,
    "competitions/titanic.py": """
        from groundwork.competitions import Labelled
        from groundwork.metrics import Metric

        def spread(target):
            return 0

        competition = Labelled(slug="titanic", metric=Metric(spread))
        """,
}


def test_a_metric_of_the_competitions_own_counts_and_those_of_the_table_do_not(of: Fingerprint) -> None:
    whole = of(OWN_METRIC)
    assert "groundwork.competitions.titanic.spread" in whole
    assert not [name for name in whole if "METRICS" in name]
    changed = OWN_METRIC["competitions/titanic.py"].replace("return 0", "return 1")
    assert edited(whole, of({**OWN_METRIC, "competitions/titanic.py": changed})) == [
        "groundwork.competitions.titanic.spread"
    ]
    named = (
        OWN_METRIC["competitions/titanic.py"]
        .replace("Metric(spread)", '"auc"')
        .replace("import Metric", "import METRICS")
    )
    assert [name for name in of({**OWN_METRIC, "competitions/titanic.py": named}) if "METRICS" in name] == [
        "groundwork.metrics.METRICS[auc]"
    ]


def test_a_property_of_a_competition_counts_where_it_is_read(of: Fingerprint) -> None:
    base = """
        class Labelled:
            slug: str

            @property
            def scorer(self):
                return self.metric

            @property
            def files(self):
                return 1

            def load(self):
                return 2
        """
    files = {
        "competitions/__init__.py": base,
        "stages/train.py": "def run(job):\n    return job.competition.scorer\n",
    }
    whole = of(files)
    assert {"groundwork.competitions.Labelled.scorer", "groundwork.competitions.titanic.competition.metric"} <= set(
        whole
    )
    assert "groundwork.competitions.Labelled.files" not in whole
    for before, after, parts in (
        ("return 1", "return 3", []),
        ("return 2", "return 3", ["groundwork.competitions.Labelled"]),
        ("return self.metric", "return 2 * self.metric", ["groundwork.competitions.Labelled.scorer"]),
    ):
        assert edited(whole, of({**files, "competitions/__init__.py": base.replace(before, after)})) == parts
