"""Handing in with the real client against the stand-in: once, confirmed, remembered, and never half."""

import csv
import dataclasses
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO

import numpy as np
import pandas as pd
import pytest
from tests.services import kaggle_fixture
from tests.services.full_disk import fill
from tests.services.kaggle_server import Fault, KaggleServer, Verdict

from groundwork.checks.alarms import CHECKS, Alarm, Check, to_json
from groundwork.competitions import Inputs, Labelled
from groundwork.errors import UserError
from groundwork.experiments.dvcfiles import declared, md5
from groundwork.experiments.seal import Seal, seal_file
from groundwork.files import write_json, write_text
from groundwork.kaggle import ledger, transport
from groundwork.kaggle.call import Patience
from groundwork.kaggle.submissions import submissions
from groundwork.kaggle.submit import submit
from groundwork.kaggle.upload import Timing
from groundwork.settings import Tracking
from groundwork.tracking.reading import read_back
from groundwork.tracking.tracker import Tracker

kaggle_server = kaggle_fixture.kaggle_server

FAST = Timing(interval=0.01, longest=20, patience=Patience(attempts=3, first=0.01, longest=1))
IMPATIENT = Timing(interval=0.01, longest=0.05, patience=FAST.patience)

TITANIC = Labelled(
    slug="titanic",
    kind="classification",
    metric="accuracy",
    id="PassengerId",
    targets=("Survived",),
    types={},
    inputs=Inputs(),
    sample=lambda _: {},
)


@pytest.fixture
def file(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A trained lane in a git repository, which is the working directory; returns its submission."""
    root = tmp_path / "repository"
    prepared, results, metrics = (
        root / place for place in ("data/prepared/titanic", "results/titanic", "results/metrics")
    )
    for folder in (prepared, results, metrics):
        folder.mkdir(parents=True)
    monkeypatch.chdir(root)
    ids, answers = np.arange(892, 932), np.tile([0, 1, 0, 0], 10)
    pd.DataFrame({"PassengerId": ids, "Survived": 0}).to_csv(prepared / "sample_submission.csv", index=False)
    pd.DataFrame({"PassengerId": ids, "Survived": answers}).to_csv(results / "submission.csv", index=False)
    rows = pd.DataFrame({"PassengerId": range(200), "Survived": [0, 1] * 100})
    rows.to_parquet(prepared / "train.parquet")
    rows[["PassengerId"]].assign(fold=0).to_parquet(prepared / "folds.parquet")
    pd.DataFrame({"PassengerId": ids}).to_parquet(prepared / "test.parquet")
    oof = {"id": range(200), "fold": 0, "target": [0, 1] * 100, "p0": [0.9, 0.2] * 100, "p1": [0.1, 0.8] * 100}
    pd.DataFrame(oof).to_parquet(results / "oof.parquet")
    run = {"run_id": "abcd1234", "wandb_dir": None, "params": {"source": "kaggle"}}
    (results / "run.json").write_text(json.dumps(run))
    (metrics / "titanic.json").write_text(json.dumps({"metric": "accuracy", "mean": 0.8316498}))
    (root / "dvc.lock").write_text("schema: '2.0'\n")
    (root / "params.yaml").write_text("seed: 0\n")
    shutil.copy(repository / "dvc.yaml", root)
    seal()
    git = ["git", "-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    for command in (["init", "--quiet"], ["add", "dvc.lock", "params.yaml"], ["commit", "--quiet", "-m", "first"]):
        subprocess.run([*git, *command], check=True)
    return Path("results/titanic/submission.csv")


def seal() -> None:
    """Say of the lane's results that they were made from one another as they lie there now."""
    for stage in declared("titanic").values():
        deps, outs = ({path: md5(Path(path)) for path in paths} for paths in (stage.deps, stage.outs))
        sealed = seal_file(stage.stage, "titanic")
        del outs[str(sealed)]
        write_text(sealed, Seal({}, {}, deps, outs).text())


def refusal(**options: object) -> UserError:
    with pytest.raises(UserError) as caught:
        submit("titanic", TITANIC, "wider", **{"timing": FAST, **options})  # type: ignore[arg-type]  # any of its own
    return caught.value


def test_an_accepted_submission_is_confirmed_scored_and_remembered(
    kaggle_server: KaggleServer, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kaggle_server.verdicts.append(Verdict(public="0.77990", private="0.76555", after=3))
    entry = submit("titanic", TITANIC, "wider", timing=FAST)
    head = subprocess.run(["git", "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    (row,) = csv.DictReader(ledger.LEDGER.open())
    assert row.pop("time").endswith("+00:00")
    assert row == {
        "lane": "titanic",
        "file_sha256": sha256,
        "reference": "4000",
        "commit": head,
        "dvc_lock_sha256": hashlib.sha256(Path("dvc.lock").read_bytes()).hexdigest(),
        "wandb_run": "abcd1234",
        "cv": "0.83165",
        "public_score": "0.77990",
        "private_score": "0.76555",
        "status": "complete",
        "message": "wider",
        "despite": "",
    }
    assert [entry] == ledger.read()
    assert list(kaggle_server.uploads.values()) == [file.read_bytes()]
    assert kaggle_server.submissions[0]["description"] == f"wider [sha256 {sha256[:12]}]"
    assert kaggle_server.count("ListSubmissions") >= 4
    said = capsys.readouterr()
    assert "9 submissions left today" in said.out
    assert "titanic: public score 0.77990" in said.out
    assert "waiting for the score of 4000" in said.err


def test_a_dry_run_does_all_but_the_upload(
    kaggle_server: KaggleServer, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert submit("titanic", TITANIC, "wider", dry_run=True, timing=FAST) is None
    assert {"GetSubmissionLimits", "ListSubmissions"} <= set(kaggle_server.operations)
    assert kaggle_server.count("StartSubmissionUpload") == 0
    assert not ledger.LEDGER.exists()
    assert "dry run: nothing was handed in" in capsys.readouterr().out


def test_alarms_of_the_checks_are_said_before_the_upload_and_stop_nothing(
    kaggle_server: KaggleServer, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alarm = Alarm("3 rows are in train and test", "their answers are known", "drop them")
    write_json(file.with_name(CHECKS), to_json("titanic", [Check("copies", alarm)]))
    seal()
    submit("titanic", TITANIC, "wider", dry_run=True, timing=FAST)
    line = "results/titanic/checks.json: copies: 3 rows are in train and test; `groundwork checks titanic` says more"
    said = capsys.readouterr().out
    assert line in said
    assert said.index(line) < said.index("passes the gate")
    write_json(file.with_name(CHECKS), to_json("titanic", [Check("copies")]))
    seal()
    submit("titanic", TITANIC, "wider", dry_run=True, timing=FAST)
    assert "checks.json" not in capsys.readouterr().out


def test_a_rejected_submission_is_told_in_kaggles_own_words(kaggle_server: KaggleServer, file: Path) -> None:
    kaggle_server.verdicts.append(Verdict("ERROR", public="", reason="Row 3: PassengerId 894 is unknown", after=1))
    error = refusal()
    assert "Kaggle rejected submission 4000: Row 3: PassengerId 894 is unknown" in error.problem
    assert [(entry.status, entry.reference) for entry in ledger.read()] == [("error", "4000")]


def test_a_rejected_file_may_be_handed_in_again(kaggle_server: KaggleServer, file: Path) -> None:
    kaggle_server.verdicts.append(Verdict("ERROR", reason="scoring failed"))
    refusal()
    entry = submit("titanic", TITANIC, "wider", timing=FAST)
    assert entry
    assert (entry.status, entry.reference) == ("complete", "4001")
    assert [entry.status for entry in ledger.read()] == ["error", "complete"]


def test_a_file_that_does_not_pass_the_gate_reaches_no_server(kaggle_server: KaggleServer, file: Path) -> None:
    file.write_text(file.read_text().replace("892,0", "892,5"))
    seal()
    assert "Survived: line 2: found 5; expected 0, 1" in refusal().problem
    assert kaggle_server.operations == []


def test_a_suspicious_file_needs_a_reason_which_the_ledger_keeps(kaggle_server: KaggleServer, file: Path) -> None:
    ids = pd.read_csv(file)["PassengerId"]
    pd.DataFrame({"PassengerId": ids, "Survived": 0}).to_csv(file, index=False)
    seal()
    error = refusal(despite=" ")
    assert "Survived: every row is 0" in error.problem
    assert "--despite" in error.next_step
    assert kaggle_server.operations == []
    entry = submit("titanic", TITANIC, "wider", timing=FAST, despite="nobody survived")
    assert entry
    assert [entry.despite for entry in ledger.read()] == ["nobody survived"]


@pytest.mark.parametrize(
    ("edited", "said"),
    [
        ("results/titanic/submission.csv", "results/titanic/submission.csv: is not what submission@titanic made"),
        ("results/titanic/checkpoints/fold_0.fold", "results/titanic/checkpoints: is not what train@titanic made"),
        ("results/titanic/test.parquet", "submission.csv: was made from another results/titanic/test.parquet"),
        ("results/titanic/oof.parquet", "submission.csv: was made from another results/titanic/oof.parquet"),
        ("results/titanic/run.json", "results/titanic/run.json: is not what train@titanic made"),
        ("results/metrics/titanic.json", "results/metrics/titanic.json: is not what evaluate@titanic made"),
    ],
)
def test_a_submission_of_another_run_is_refused(
    edited: str, said: str, kaggle_server: KaggleServer, file: Path
) -> None:
    Path(edited).parent.mkdir(exist_ok=True)
    with Path(edited).open("ab") as stream:
        stream.write(b" ")
    error = refusal()
    assert said in error.problem
    assert error.next_step == "make it again: `groundwork repro titanic`"
    assert kaggle_server.operations == []


def test_no_credentials_are_said_before_anything_else(
    kaggle_server: KaggleServer, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KAGGLE_API_TOKEN")
    assert "no Kaggle credentials found" in refusal().problem


def test_what_the_sample_gave_is_never_handed_in(kaggle_server: KaggleServer, file: Path) -> None:
    run = {"run_id": "abcd1234", "wandb_dir": None, "params": {"source": "sample"}}
    Path("results/titanic/run.json").write_text(json.dumps(run))
    error = refusal()
    assert "made from the sample" in error.problem
    assert "`source: kaggle`" in error.next_step
    assert kaggle_server.operations == []


def test_a_file_handed_in_before_is_refused_by_its_content(kaggle_server: KaggleServer, file: Path) -> None:
    submit("titanic", TITANIC, "wider", timing=FAST)
    kaggle_server.operations.clear()
    error = refusal()
    assert "the same file was handed in at" in error.problem
    assert "reference 4000, public score 0.77990" in error.problem
    assert kaggle_server.operations == []


def test_a_lost_ledger_does_not_let_a_file_in_twice(kaggle_server: KaggleServer, file: Path) -> None:
    first = submit("titanic", TITANIC, "wider", timing=FAST)
    assert first
    ledger.LEDGER.unlink()
    with pytest.raises(UserError, match="the same file was handed in at 2026-01-01T00:00:00"):
        submit("titanic", TITANIC, "another day's words", timing=FAST)
    assert kaggle_server.count("CreateSubmission") == 1
    # What Kaggle knows is restored; with which commit and data the file was made, it does not know.
    known = dataclasses.replace(first, time="2026-01-01T00:00:00+00:00", commit="", dvc_lock_sha256="")
    assert ledger.read() == [known]


def test_a_file_that_kaggle_rejected_while_nobody_looked_may_be_handed_in_again(
    kaggle_server: KaggleServer, file: Path
) -> None:
    kaggle_server.verdicts.append(Verdict("ERROR", public="", reason="scoring failed", after=1))
    submit("titanic", TITANIC, "wider", wait=False, timing=FAST)
    assert [entry.status for entry in ledger.read()] == ["pending"]
    entry = submit("titanic", TITANIC, "wider", timing=FAST)
    assert entry
    assert (entry.reference, entry.status) == ("4001", "complete")
    assert [(entry.reference, entry.status) for entry in ledger.read()] == [("4000", "error"), ("4001", "complete")]


def test_a_file_that_kaggle_scored_while_nobody_looked_is_refused_with_its_score(
    kaggle_server: KaggleServer, file: Path
) -> None:
    kaggle_server.verdicts.append(Verdict(after=2))
    submit("titanic", TITANIC, "wider", wait=False, timing=FAST)
    waiting = refusal()
    assert "reference 4000, pending" in waiting.problem
    assert waiting.next_step.startswith("ask for its score with `groundwork submissions titanic`")
    assert "reference 4000, public score 0.77990" in refusal().problem
    assert [(entry.reference, entry.public_score) for entry in ledger.read()] == [("4000", "0.77990")]
    assert kaggle_server.count("CreateSubmission") == 1


def test_a_dry_run_leaves_a_pending_row_alone(kaggle_server: KaggleServer, file: Path) -> None:
    kaggle_server.verdicts.append(Verdict("ERROR", public="", reason="scoring failed", after=1))
    submit("titanic", TITANIC, "wider", wait=False, timing=FAST)
    before = ledger.LEDGER.read_bytes()
    assert submit("titanic", TITANIC, "wider", dry_run=True, timing=FAST) is None
    assert ledger.LEDGER.read_bytes() == before


@pytest.mark.parametrize("place", ["results/titanic/oof.parquet", "data/prepared/titanic/train.parquet"])
def test_a_broken_table_is_said_before_any_server_is_asked(kaggle_server: KaggleServer, file: Path, place: str) -> None:
    Path(place).write_bytes(b"PAR1 half a file")
    seal()
    with pytest.raises(UserError, match=place) as caught:
        submit("titanic", TITANIC, "wider", dry_run=True, timing=FAST)
    assert "titanic`" in caught.value.next_step
    assert kaggle_server.operations == []


def test_a_quota_used_up_is_said_with_the_time_left(kaggle_server: KaggleServer, file: Path) -> None:
    kaggle_server.limits = {"numToday": 10, "numTotal": 30, "numAllowedNow": 0, "limitedByTotal": False}
    error = refusal()
    assert "no submission is left today: 10 were handed in" in error.problem
    assert "after midnight UTC, in " in error.next_step
    assert kaggle_server.count("StartSubmissionUpload") == 0


def test_a_lifetime_quota_used_up_is_said(kaggle_server: KaggleServer, file: Path) -> None:
    kaggle_server.limits = {"numToday": 0, "numTotal": 30, "numAllowedNow": 0, "limitedByTotal": True}
    assert "all 30 of the competition are used up" in refusal().problem


def test_an_unknown_quota_stops_nobody(kaggle_server: KaggleServer, file: Path) -> None:
    kaggle_server.fail("GetSubmissionLimits", Fault(400, "no team"))
    assert submit("titanic", TITANIC, "wider", timing=FAST)


def test_the_first_submission_of_somebody_without_a_team_is_let_through(
    kaggle_server: KaggleServer, file: Path
) -> None:
    kaggle_server.limits = {}
    assert submit("titanic", TITANIC, "wider", timing=FAST)


@pytest.mark.parametrize("operation", ["ListSubmissions", "StartSubmissionUpload", "CreateSubmission"])
@pytest.mark.parametrize("fault", [Fault(429, headers={"Retry-After": "0.01"}), Fault(500, None), Fault(503)])
def test_a_busy_server_is_waited_for_and_counts_the_file_once(
    kaggle_server: KaggleServer, file: Path, operation: str, fault: Fault
) -> None:
    kaggle_server.fail(operation, fault)
    entry = submit("titanic", TITANIC, "wider", timing=FAST)
    assert entry
    assert entry.public_score == "0.77990"
    assert len(kaggle_server.submissions) == 1


@pytest.mark.parametrize("fault", [Fault(500, None, counted=True), Fault(0, counted=True)], ids=["500", "hung up"])
def test_a_submission_whose_answer_was_lost_is_found_and_not_repeated(
    kaggle_server: KaggleServer, file: Path, fault: Fault
) -> None:
    kaggle_server.fail("CreateSubmission", fault)
    entry = submit("titanic", TITANIC, "wider", timing=FAST)
    assert entry
    assert (entry.reference, entry.status) == ("4000", "complete")
    assert kaggle_server.count("CreateSubmission") == 1


@pytest.mark.parametrize("counted", [True, False])
def test_an_earlier_rejection_of_the_file_is_not_taken_for_the_lost_submission(
    kaggle_server: KaggleServer, file: Path, counted: bool
) -> None:
    kaggle_server.verdicts.append(Verdict("ERROR", reason="scoring failed"))
    refusal()
    kaggle_server.fail("CreateSubmission", Fault(500, None, counted=counted))
    entry = submit("titanic", TITANIC, "wider", timing=FAST)
    assert entry
    assert (entry.reference, entry.status) == ("4001", "complete")


def test_an_end_that_cannot_be_known_is_said_and_a_repetition_settles_it(
    kaggle_server: KaggleServer, file: Path
) -> None:
    kaggle_server.fail("CreateSubmission", Fault(0, counted=True))
    kaggle_server.fail("ListSubmissions", None, Fault(0))
    error = refusal()
    assert "whether the submission counts is not known" in error.problem
    assert "never hands it in twice" in error.next_step
    assert ledger.read() == []
    assert "the same file was handed in" in refusal().problem
    assert len(kaggle_server.submissions) == 1


def test_a_lost_answer_followed_by_a_busy_server_is_no_refusal(kaggle_server: KaggleServer, file: Path) -> None:
    kaggle_server.fail("CreateSubmission", Fault(500, counted=True))
    kaggle_server.fail("ListSubmissions", None, Fault(429), Fault(429), Fault(429))
    assert "whether the submission counts is not known" in refusal().problem
    assert len(kaggle_server.submissions) == 1


def test_a_refused_submission_gives_kaggles_words(kaggle_server: KaggleServer, file: Path) -> None:
    kaggle_server.fail("CreateSubmission", Fault(400, "Submission deadline has passed"))
    assert "400 (Submission deadline has passed)" in refusal().problem
    assert ledger.read() == []
    assert kaggle_server.count("CreateSubmission") == 1


def test_rules_not_accepted_name_their_page(kaggle_server: KaggleServer, file: Path) -> None:
    kaggle_server.fail("ListSubmissions", Fault(403, "You must accept the rules"))
    assert "https://www.kaggle.com/competitions/titanic/rules" in refusal().next_step


@pytest.mark.parametrize("status", [400, 503])
def test_an_upload_that_fails_is_tried_again(
    kaggle_server: KaggleServer, file: Path, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    kaggle_server.fail("PUT", Fault(status), Fault(status))
    assert submit("titanic", TITANIC, "wider", timing=FAST)
    assert len(kaggle_server.submissions) == 1
    assert "the upload failed; waiting 0.02 s, then attempt 3 of 3" in capsys.readouterr().err


@pytest.mark.parametrize("status", [400, 503])
def test_an_upload_that_keeps_failing_is_no_submission(kaggle_server: KaggleServer, file: Path, status: int) -> None:
    kaggle_server.fail("PUT", *[Fault(status)] * 3)
    error = refusal()
    assert "could not hand in results/titanic/submission.csv to titanic" in error.problem
    assert "nothing was handed in" in error.next_step
    assert (kaggle_server.submissions, ledger.read()) == ([], [])


def test_a_server_that_is_gone_is_said(kaggle_server: KaggleServer, file: Path) -> None:
    kaggle_server.stop()
    assert "the server cannot be reached (Connection refused)" in refusal().problem
    assert ledger.read() == []


def test_a_server_that_goes_while_the_score_is_awaited_leaves_a_pending_row(
    kaggle_server: KaggleServer, file: Path
) -> None:
    kaggle_server.verdicts.append(Verdict(after=99))
    kaggle_server.fail("ListSubmissions", None, None, Fault(0))
    error = refusal()
    assert "submission 4000 was accepted" in error.problem
    assert "groundwork submissions titanic" in error.next_step
    assert [entry.status for entry in ledger.read()] == ["pending"]


@pytest.mark.parametrize("options", [{"wait": False}, {"timing": IMPATIENT}], ids=["no wait", "too slow"])
def test_a_slow_score_is_left_pending_and_fetched_later(
    kaggle_server: KaggleServer, file: Path, options: dict, capsys: pytest.CaptureFixture[str]
) -> None:
    kaggle_server.verdicts.append(Verdict(after=50))
    entry = submit("titanic", TITANIC, "wider", **{"timing": FAST, **options})
    assert entry
    assert (entry.status, entry.public_score) == ("pending", "")
    assert ledger.read() == [entry]
    assert "no score yet; ask for its score with `groundwork submissions titanic`" in capsys.readouterr().out
    for verdict in kaggle_server.pending.values():
        verdict.after = 0
    (refreshed,) = submissions("titanic", TITANIC, timing=FAST)
    assert (refreshed.status, refreshed.public_score) == ("complete", "0.77990")
    assert ledger.read() == [refreshed]
    assert "0.77990" in capsys.readouterr().out


def test_ctrl_c_ends_the_waiting_and_leaves_a_pending_row(kaggle_server: KaggleServer, file: Path) -> None:
    kaggle_server.verdicts.append(Verdict(after=10_000))

    def press() -> None:
        while kaggle_server.count("ListSubmissions") < 5:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=press)
    thread.start()
    entry = submit("titanic", TITANIC, "wider", timing=FAST)
    thread.join()
    assert entry
    assert (entry.status, ledger.read()) == ("pending", [entry])


def test_refresh_tells_why_a_submission_was_rejected(
    kaggle_server: KaggleServer, file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    kaggle_server.verdicts.append(Verdict("ERROR", public="", reason="Row 3 is wrong", after=1))
    submit("titanic", TITANIC, "wider", wait=False, timing=FAST)
    (entry,) = submissions("titanic", TITANIC, timing=FAST)
    assert entry.status == "error"
    assert "wider (Row 3 is wrong)" in capsys.readouterr().out


def test_refresh_of_a_lane_without_submissions_asks_nobody(
    kaggle_server: KaggleServer, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert submissions("titanic", TITANIC, timing=FAST) == []
    assert "nothing was handed in yet" in capsys.readouterr().out
    assert kaggle_server.operations == []


def test_a_changed_tree_marks_the_commit(kaggle_server: KaggleServer, file: Path) -> None:
    Path("params.yaml").write_text("seed: 1")
    entry = submit("titanic", TITANIC, "wider", timing=FAST)
    assert entry
    assert entry.commit.endswith("-dirty")


def test_the_score_is_written_into_the_wandb_run(
    kaggle_server: KaggleServer, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    with Tracker(Tracking(mode="offline", project="tests"), "titanic", "a run", {"seed": 0}) as tracker:
        tracker.summarize({"cv/mean": 0.83})
    run = {"run_id": tracker.run_id, "wandb_dir": tracker.directory, "params": {"source": "kaggle"}}
    Path("results/titanic/run.json").write_text(json.dumps(run))
    seal()
    submit("titanic", TITANIC, "wider", timing=FAST)
    (continued,) = [folder for folder in Path("wandb").glob("offline-run-*") if str(folder) != tracker.directory]
    summary = read_back(continued)["summary"]
    assert (summary["public_score"], summary["submission"], summary["cv/mean"]) == (0.7799, "4000", 0.83)


def test_a_score_of_a_run_from_another_machine_is_said_to_stay_in_the_ledger(
    kaggle_server: KaggleServer, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kaggle_server.verdicts.append(Verdict(after=1))
    submit("titanic", TITANIC, "wider", wait=False, timing=FAST)
    Path("results/titanic/run.json").unlink()
    (entry,) = submissions("titanic", TITANIC, timing=FAST)
    assert entry.public_score == "0.77990"
    assert "run abcd1234 is not on this machine; its score is in submissions/ledger.csv only" in capsys.readouterr().out


HAND_IN = "from tests.kaggle.test_submit import FAST, TITANIC; from groundwork.kaggle.submit import submit; "
HAND_IN += "submit('titanic', TITANIC, 'wider', timing=FAST)"
ROOT = Path(__file__).parents[2]


def started(script: str, stderr: IO[str] | int = subprocess.PIPE) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}"}
    command = [sys.executable, "-c", script]
    return subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE, stderr=stderr)


def ended(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate()
    return out + err


def test_the_command_typed_twice_at_once_hands_the_file_in_once(
    kaggle_server: KaggleServer, file: Path, tmp_path: Path
) -> None:
    gate = kaggle_server.gates["CreateSubmission"] = threading.Event()
    kaggle_server.verdicts.append(Verdict(after=2))
    first = started(HAND_IN)
    while not kaggle_server.count("CreateSubmission"):
        time.sleep(0.01)
    heard = tmp_path / "heard"
    with heard.open("w") as stream:
        second = started(HAND_IN, stderr=stream)
    while "waiting" not in heard.read_text() and kaggle_server.count("CreateSubmission") < 2:
        time.sleep(0.01)
    gate.set()
    assert "public score 0.77990" in ended(first)
    assert second.wait() == 1
    said = heard.read_text()
    assert kaggle_server.count("CreateSubmission") == len(kaggle_server.submissions) == 1
    assert f"groundwork submit titanic: process {first.pid} on " in said
    assert "waiting until it has ended (Ctrl-C gives up)" in said
    assert "UserError: results/titanic/submission.csv: the same file was handed in at" in said
    assert len(ledger.read()) == 1


def test_whoever_waits_for_a_score_keeps_nobody_waiting(kaggle_server: KaggleServer, file: Path) -> None:
    kaggle_server.verdicts.append(Verdict(after=10_000))
    patient = HAND_IN.replace("timing=FAST", "timing=dataclasses.replace(FAST, longest=600)")
    waiting = started(f"import dataclasses; {patient}")
    while kaggle_server.count("ListSubmissions") < 4:
        time.sleep(0.01)
    assert "the same file was handed in" in refusal().problem
    waiting.send_signal(signal.SIGINT)
    assert "no score yet" in ended(waiting)


def test_a_killed_command_keeps_nobody_waiting(kaggle_server: KaggleServer, file: Path) -> None:
    kaggle_server.fail("StartSubmissionUpload", Fault(200, silent=True))
    killed = started(HAND_IN)
    while not kaggle_server.count("StartSubmissionUpload"):
        time.sleep(0.01)
    killed.kill()
    killed.communicate()
    assert submit("titanic", TITANIC, "wider", timing=FAST)


def test_two_who_ask_for_the_same_score_write_it_once(kaggle_server: KaggleServer, file: Path) -> None:
    kaggle_server.verdicts.append(Verdict(after=1))
    entry = submit("titanic", TITANIC, "wider", wait=False, timing=FAST)
    assert entry
    scored = dataclasses.replace(entry, status="complete", public_score="0.77990")
    for _ in range(2):
        ledger.replace_entry(entry, scored)
    assert ledger.read() == [scored]


def test_a_ledger_that_cannot_be_written_does_not_hide_that_the_file_was_handed_in(
    kaggle_server: KaggleServer, file: Path, small_disk: Path
) -> None:
    Path("submissions").symlink_to(small_disk)
    fill(small_disk)
    error = refusal()
    assert "titanic: handed in, reference 4000, but the ledger could not be updated" in error.problem
    assert "No space left on device" in error.problem
    assert "hands nothing in again" in error.next_step
    (small_disk / "filling").unlink()
    assert "the same file was handed in" in refusal().problem
    assert [entry.reference for entry in ledger.read()] == ["4000"]
    assert len(kaggle_server.submissions) == 1


def test_a_silent_server_during_the_upload_is_said_and_nothing_counts(
    kaggle_server: KaggleServer, file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(transport, "SILENCE", 1.0)
    kaggle_server.fail("PUT", *[Fault(200, silent=True)] * 3)
    error = refusal()
    assert "the file's bytes were not accepted" in error.problem
    assert "nothing was handed in" in error.next_step
    assert "the upload failed; waiting 0.02 s, then attempt 3 of 3" in capsys.readouterr().err
    assert kaggle_server.submissions == []


def test_a_portal_between_us_and_kaggle_hands_nothing_in(kaggle_server: KaggleServer, file: Path) -> None:
    kaggle_server.fail("StartSubmissionUpload", Fault(200, None))
    error = refusal()
    assert "a web page titled 'Hotel Wi-Fi" in error.problem
    assert (kaggle_server.submissions, ledger.read()) == ([], [])
