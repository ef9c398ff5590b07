"""The real client against the stand-in: each fault is one message with a next step, and leaves nothing behind."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import numpy as np
import pytest
import requests
from tests.services import kaggle_fixture
from tests.services.full_disk import SIZE
from tests.services.kaggle_fixture import FILES, SLUG
from tests.services.kaggle_server import KEY, PAGE, SIGNATURE, TOKEN, USER, Fault, KaggleServer, archive

from groundwork.competitions import Inputs, Labelled
from groundwork.errors import UserError
from groundwork.kaggle import transport
from groundwork.kaggle.call import Patience
from groundwork.kaggle.client import connect, credentials, download
from groundwork.kaggle.upload import list_submissions

kaggle_server = kaggle_fixture.kaggle_server

FAST = Patience(attempts=3, first=0.01, longest=5)


def no_sample(_: np.random.Generator) -> dict:
    raise AssertionError("Kaggle's archive was asked for")


COMPETITION = Labelled(
    slug=SLUG,
    kind="classification",
    metric="accuracy",
    id="PassengerId",
    targets=("Survived",),
    types={"PassengerId": int, "Survived": int},
    inputs=Inputs(),
    sample=no_sample,
    sample_submission="gender_submission.csv",
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the archive goes; a former one lies there."""
    place = tmp_path / "data" / "raw" / "titanic.zip"
    place.parent.mkdir(parents=True)
    place.write_bytes(b"former")
    return place


def refusal(path: Path) -> str:
    """Download and return the message of the refusal; the former archive is all that lies there."""
    with pytest.raises(UserError) as caught:
        download(COMPETITION, path, FAST)
    assert [(left.name, left.read_bytes()) for left in path.parent.iterdir()] == [("titanic.zip", b"former")]
    assert SIGNATURE not in str(caught.value)
    assert TOKEN not in str(caught.value)
    return str(caught.value)


def test_an_archive_comes_whole_and_alone(kaggle_server: KaggleServer, path: Path) -> None:
    download(COMPETITION, path, FAST)
    assert path.read_bytes() == kaggle_server.archive
    assert list(path.parent.iterdir()) == [path]
    assert kaggle_server.count("GET") == 1


def test_a_wrong_token_is_rejected_with_the_page_of_tokens(
    kaggle_server: KaggleServer, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAGGLE_API_TOKEN", "KGAT_wrong")
    message = refusal(path)
    assert "sign in with KAGGLE_API_TOKEN: the credentials were rejected" in message
    assert "https://www.kaggle.com/settings" in message


def test_a_wrong_key_is_rejected_at_the_download(
    kaggle_server: KaggleServer, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KAGGLE_API_TOKEN")
    monkeypatch.setenv("KAGGLE_USERNAME", USER)
    monkeypatch.setenv("KAGGLE_KEY", "wrong")
    assert "credentials were rejected" in refusal(path)


@pytest.mark.parametrize("operation", ["IntrospectToken", "DownloadDataFiles"])
def test_401_says_where_a_token_comes_from(kaggle_server: KaggleServer, path: Path, operation: str) -> None:
    connect(FAST)
    kaggle_server.fail(operation, Fault(401, "Unauthenticated"))
    assert "https://www.kaggle.com/settings" in refusal(path)


def test_403_names_the_rules_page(kaggle_server: KaggleServer, path: Path) -> None:
    kaggle_server.fail("DownloadDataFiles", Fault(403, "You must accept this competition's rules"))
    message = refusal(path)
    assert "You must accept this competition's rules" in message
    assert "https://www.kaggle.com/competitions/titanic/rules" in message


def test_403_of_the_store_is_not_about_rules(kaggle_server: KaggleServer, path: Path) -> None:
    kaggle_server.fail("GET", Fault(403, None))
    message = refusal(path)
    assert "store answered 403 (Forbidden)" in message
    assert "rules" not in message


def test_404_names_the_slug(kaggle_server: KaggleServer, path: Path) -> None:
    kaggle_server.slug = "titanic-2"
    message = refusal(path)
    assert "no competition 'titanic' (Competition not found)" in message
    assert "src/groundwork/competitions" in message


def test_a_refusal_in_the_body_of_a_200_is_a_refusal(kaggle_server: KaggleServer, path: Path) -> None:
    kaggle_server.fail("DownloadDataFiles", Fault(403, "Rules", disguised=True))
    assert COMPETITION.rules_url in refusal(path)


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_busy_server_is_waited_for(
    kaggle_server: KaggleServer, path: Path, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    kaggle_server.fail("DownloadDataFiles", Fault(status, None), Fault(status))
    download(COMPETITION, path, FAST)
    assert path.read_bytes() == kaggle_server.archive
    said = capsys.readouterr()
    assert f"Kaggle answered {status}; waiting 0.02 s, then attempt 3 of 3" in said.err
    assert said.out == ""


def test_retry_after_is_honoured_as_seconds(
    kaggle_server: KaggleServer, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kaggle_server.fail("DownloadDataFiles", Fault(429, headers={"Retry-After": "0.05"}))
    download(COMPETITION, path, FAST)
    assert "waiting 0.05 s, then attempt 2 of 3" in capsys.readouterr().err


def test_retry_after_is_honoured_as_a_date(kaggle_server: KaggleServer, path: Path) -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(hours=2), usegmt=True)
    kaggle_server.fail("DownloadDataFiles", Fault(429, "Too many requests", {"Retry-After": later}))
    message = refusal(path)
    assert "still answers 429 (Too many requests)" in message
    assert "run the command again in 7" in message
    assert kaggle_server.count("DownloadDataFiles") == 1


@pytest.mark.parametrize("header", ["-5", "nan", "-inf", "0", "", "soon", "Thu, 01 Jan 2015 00:00:00 GMT", "1e-9"])
def test_a_wait_that_is_none_is_replaced_by_our_own(
    kaggle_server: KaggleServer, path: Path, header: str, capsys: pytest.CaptureFixture[str]
) -> None:
    kaggle_server.fail("DownloadDataFiles", *[Fault(429, headers={"Retry-After": header})] * 2)
    download(COMPETITION, path, FAST)
    said = capsys.readouterr().err
    assert "waiting 0.01 s, then attempt 2 of 3" in said
    assert "waiting 0.02 s, then attempt 3 of 3" in said


@pytest.mark.parametrize("header", ["inf", "1e300", "99999999", "Fri, 01 Jan 9999 00:00:00 GMT"])
def test_an_endless_wait_is_not_waited_for(kaggle_server: KaggleServer, path: Path, header: str) -> None:
    kaggle_server.fail("DownloadDataFiles", Fault(429, "Too many requests", {"Retry-After": header}))
    assert "run the command again in 24 hours" in refusal(path)
    assert kaggle_server.count("DownloadDataFiles") == 1


def test_a_server_that_stays_busy_is_given_up(kaggle_server: KaggleServer, path: Path) -> None:
    kaggle_server.fail("DownloadDataFiles", *[Fault(500, None)] * 3)
    message = refusal(path)
    assert "still answers 500 (Internal Server Error)" in message
    assert "run the command again in some minutes" in message
    assert kaggle_server.count("DownloadDataFiles") == 3


def test_a_truncated_body_is_fetched_again(kaggle_server: KaggleServer, path: Path) -> None:
    kaggle_server.served.append(len(kaggle_server.archive) // 2)
    download(COMPETITION, path, FAST)
    assert path.read_bytes() == kaggle_server.archive
    assert list(path.parent.iterdir()) == [path]


def test_a_truncated_body_whose_second_half_is_refused_leaves_nothing(kaggle_server: KaggleServer, path: Path) -> None:
    kaggle_server.served.append(len(kaggle_server.archive) // 2)
    kaggle_server.fail("GET", None, Fault(403, None), Fault(403, None))
    assert "does not match expected size" in refusal(path)
    download(COMPETITION, path, FAST)
    assert path.read_bytes() == kaggle_server.archive


def test_a_corrupt_member_is_named(kaggle_server: KaggleServer, path: Path) -> None:
    content = bytearray(kaggle_server.archive)
    # The data of the first member starts after its 30 bytes of header and its name.
    content[30 + len("train.csv") + 200] ^= 0xFF
    kaggle_server.archive = bytes(content)
    message = refusal(path)
    assert str(path) in message
    assert "train.csv: the file is corrupt" in message
    assert "run the command again; any previous file is untouched" in message


def test_a_text_instead_of_a_zip_is_refused(kaggle_server: KaggleServer, path: Path) -> None:
    kaggle_server.archive = b"please log in"
    assert f"{path}: is not a whole zip file" in refusal(path)


@pytest.mark.parametrize("operation", ["IntrospectToken", "DownloadDataFiles", "GET"])
@pytest.mark.parametrize("status", [200, 511])
def test_a_portals_page_is_named_with_the_way_out(
    kaggle_server: KaggleServer, path: Path, operation: str, status: int
) -> None:
    connect(FAST)
    kaggle_server.fail(operation, Fault(status, None))
    message = refusal(path)
    assert "a web page titled 'Hotel Wi-Fi &amp; more' came from localhost in place of Kaggle's answer" in message
    assert "open https://www.kaggle.com in a browser on this machine" in message
    assert message.count("\n") == 1


@pytest.mark.parametrize("page", [PAGE, b"\xef\xbb\xbf \n<HTML><TITLE>Hotel Wi-Fi &amp; more</TITLE>"])
def test_a_page_that_is_called_an_archive_is_seen(kaggle_server: KaggleServer, path: Path, page: bytes) -> None:
    kaggle_server.archive = page
    message = refusal(path)
    assert "a web page titled 'Hotel Wi-Fi &amp; more' came from the network" in message
    assert "portal" in message


def test_a_page_that_is_called_data_in_place_of_the_way_to_the_store_is_seen(
    kaggle_server: KaggleServer, path: Path
) -> None:
    kaggle_server.fail("DownloadDataFiles", Fault(200, body=PAGE, headers={"Content-Type": "application/zip"}))
    assert "a web page titled" in refusal(path)


def test_an_archive_that_comes_without_a_detour_is_taken(kaggle_server: KaggleServer, path: Path) -> None:
    kaggle_server.fail("DownloadDataFiles", Fault(200, body=kaggle_server.archive))
    download(COMPETITION, path, FAST)
    assert path.read_bytes() == kaggle_server.archive
    assert list(path.parent.iterdir()) == [path]


def test_a_redirect_loop_is_named(kaggle_server: KaggleServer, path: Path) -> None:
    kaggle_server.loop = True
    message = refusal(path)
    assert "localhost redirected it without end" in message
    assert "portal" in message


@pytest.mark.parametrize("body", [b"", b"{", b"3", b"null", b'{"code": "x"}', b"\xff\xfe{", b"[[]"])
def test_an_answer_that_is_none_of_kaggles_is_one_message(kaggle_server: KaggleServer, body: bytes) -> None:
    api = connect(FAST)
    fault = Fault(200, body=body, headers={"Content-Type": "application/json"})
    kaggle_server.fail("IntrospectToken", fault)
    with pytest.raises(
        UserError, match="could not sign in with KAGGLE_API_TOKEN: the answer does not come from Kaggle's API"
    ):
        connect(FAST)
    kaggle_server.fail("ListSubmissions", fault)
    with pytest.raises(
        UserError, match="could not list the submissions to titanic: the answer does not come from Kaggle's"
    ):
        list_submissions(api, COMPETITION, FAST)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> float:
    """Wait for a silent server less long than people do."""
    monkeypatch.setattr(transport, "SILENCE", 0.5)
    return 0.5


@pytest.mark.parametrize("operation", ["IntrospectToken", "DownloadDataFiles", "GET"])
def test_a_server_that_never_answers_is_given_up(
    kaggle_server: KaggleServer, path: Path, operation: str, impatient: float
) -> None:
    connect(FAST)
    kaggle_server.fail(operation, *[Fault(200, silent=True)] * 9)
    message = refusal(path)
    assert "the server sent nothing for 0.5 s" in message
    assert "check the network and run the command again" in message


def test_a_body_that_stops_is_resumed_once_and_then_given_up(
    kaggle_server: KaggleServer, path: Path, impatient: float, capsys: pytest.CaptureFixture[str]
) -> None:
    kaggle_server.stalled.extend([100, 0, 0])
    assert "could not download the archive of titanic: the server sent nothing for 0.5 s" in refusal(path)
    assert capsys.readouterr().err.count("the server sent nothing for 0.5 s\n") == 1
    assert kaggle_server.count("GET") == 2


def test_a_body_that_stops_for_a_while_comes_whole(kaggle_server: KaggleServer, path: Path, impatient: float) -> None:
    kaggle_server.stalled.append(100)
    download(COMPETITION, path, FAST)
    assert path.read_bytes() == kaggle_server.archive


def test_a_slow_download_is_not_cut(kaggle_server: KaggleServer, path: Path, impatient: float) -> None:
    kaggle_server.pace = impatient / 2
    download(COMPETITION, path, FAST)
    assert path.read_bytes() == kaggle_server.archive
    assert kaggle_server.count("GET") == 1


def test_other_requests_of_this_process_keep_their_own_patience(kaggle_server: KaggleServer, impatient: float) -> None:
    connect(FAST)
    kaggle_server.delays["ListSubmissions"] = 2 * impatient
    address = "http://localhost/api/v1/competitions.CompetitionApiService/ListSubmissions"
    answer = requests.post(address, json={}, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=60)
    assert answer.status_code == 200


def test_an_archive_that_does_not_fit_is_refused_before_it_fills_the_disk(
    kaggle_server: KaggleServer, small_disk: Path
) -> None:
    kaggle_server.archive += b"x" * 2 * SIZE
    with pytest.raises(UserError, match=r"the archive has 2 MB; 1 MB are free at .*/disk") as caught:
        download(COMPETITION, small_disk / "titanic.zip", FAST)
    assert "df -h" in caught.value.next_step
    assert list(small_disk.iterdir()) == []


@pytest.mark.parametrize("member", ["../evil.csv", "a/../../evil.csv", "/etc/evil", "..\\evil.csv", "C:\\evil.csv"])
def test_a_member_that_points_outside_is_refused(kaggle_server: KaggleServer, path: Path, member: str) -> None:
    kaggle_server.archive = archive({**FILES, member: "x"})
    message = refusal(path)
    assert repr(member) in message
    assert "points outside of the archive" in message


def test_a_missing_file_is_named_with_what_was_found(kaggle_server: KaggleServer, path: Path) -> None:
    kaggle_server.archive = archive({name: text for name, text in FILES.items() if name != "test.csv"})
    message = refusal(path)
    assert "no file test.csv in it; found train.csv, gender_submission.csv" in message
    assert "compare the competition's file in src/groundwork/competitions" in message


def test_a_server_that_is_gone_is_said_with_the_way_without(kaggle_server: KaggleServer, path: Path) -> None:
    kaggle_server.stop()
    message = refusal(path)
    assert "the server cannot be reached (Connection refused)" in message
    assert "`source: sample` in params.yaml" in message


def test_a_server_that_hangs_up_is_said(kaggle_server: KaggleServer, path: Path) -> None:
    kaggle_server.fail("DownloadDataFiles", Fault(0))
    assert "cannot be reached" in refusal(path)


def test_a_folder_that_cannot_be_made_is_said(kaggle_server: KaggleServer, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(UserError, match="could not be written"):
        download(COMPETITION, blocked / "titanic.zip", FAST)
    assert blocked.read_text() == "not a folder"


def test_no_credentials_name_every_way_and_the_way_without(
    kaggle_server: KaggleServer, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KAGGLE_API_TOKEN")
    message = refusal(path)
    ways = ["https://www.kaggle.com/settings", "KAGGLE_API_TOKEN", "KAGGLE_USERNAME", "KAGGLE_KEY"]
    ways += ["~/.kaggle/kaggle.json", "~/.kaggle/access_token", "`source: sample`"]
    assert [way for way in ways if way not in message] == []
    assert kaggle_server.operations == []


@pytest.mark.parametrize(
    ("name", "content"), [("access_token", TOKEN), ("kaggle.json", f'{{"username": "{USER}", "key": "{KEY}"}}')]
)
def test_credentials_in_a_file_are_found(
    kaggle_server: KaggleServer, path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: str
) -> None:
    monkeypatch.delenv("KAGGLE_API_TOKEN")
    (Path(os.environ["HOME"]) / ".kaggle" / name).write_text(content)
    assert credentials().endswith(f".kaggle/{name}")
    download(COMPETITION, path, FAST)
    assert path.read_bytes() == kaggle_server.archive


def test_half_a_pair_of_credentials_is_said(kaggle_server: KaggleServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KAGGLE_API_TOKEN")
    monkeypatch.setenv("KAGGLE_USERNAME", USER)
    with pytest.raises(UserError, match="KAGGLE_USERNAME is set but KAGGLE_KEY is not"):
        credentials()


@pytest.mark.parametrize(("content", "problem"), [("{", "is not JSON"), ('{"username": "ada"}', "contains no key")])
def test_a_broken_key_file_is_said(
    kaggle_server: KaggleServer, monkeypatch: pytest.MonkeyPatch, content: str, problem: str
) -> None:
    monkeypatch.delenv("KAGGLE_API_TOKEN")
    (Path(os.environ["HOME"]) / ".kaggle" / "kaggle.json").write_text(content)
    with pytest.raises(UserError, match=problem):
        credentials()


def test_a_process_of_its_own_reaches_the_stand_in_by_its_environment_alone(
    kaggle_server: KaggleServer, path: Path
) -> None:
    """No help text on stdout, and no other Kaggle is within reach."""
    code = "from groundwork.kaggle.client import connect; print(connect().config_values['username'])"
    source = Path(__file__).parents[2] / "src"
    environment = {**os.environ, "PYTHONPATH": str(source)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stdout) == (0, f"{USER}\n"), done.stderr
    assert set(kaggle_server.operations) == {"IntrospectToken"}
