"""A local stand-in for Kaggle: as much of its protocol as the real client needs to download and to submit.

It answers on 127.0.0.1 only. The client reaches it as a proxy for http://localhost (`KaggleServer.environment`),
which is where `KAGGLE_API_ENVIRONMENT=LOCALHOST` sends every request.
"""

import base64
import io
import json
import threading
import zipfile
from collections import defaultdict, deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

TOKEN = "KGAT_0123456789abcdef"
USER, KEY = "ada", "0f1e2d3c"
# Discard: nothing listens on it, so whatever is sent there fails at once.
DEAD_PROXY = "http://127.0.0.1:9"
# Marks the address of the archive's store as the secret that a signed address is.
SIGNATURE = "sig-5ec4e7"
PAGE = b"<!DOCTYPE html>\n<html><head><title>Hotel\n Wi-Fi &amp; more</title></head><body>please log in</body></html>"
PIECES = 8


@dataclass(frozen=True)
class Fault:
    """One wrong answer.

    Attributes
    ----------
    status
        HTTP status; 0 closes the connection without any answer.
    message
        Kaggle's own words, as JSON; None answers with a page of HTML.
    headers
        For instance ``{"Retry-After": "1"}``.
    counted
        Do what was asked all the same: only the answer is lost.
    disguised
        Send 200 and the status in the body only.
    silent
        Keep the connection and never answer.
    body
        Send these bytes, whatever they are, in place of a message; None sends `message`.
    """

    status: int
    message: str | None = "it went wrong"
    headers: dict[str, str] = field(default_factory=dict)
    counted: bool = False
    disguised: bool = False
    silent: bool = False
    body: bytes | None = None


@dataclass
class Verdict:
    """What becomes of one submission: `status` after it was listed `after` times as pending."""

    status: str = "COMPLETE"
    public: str = "0.77990"
    private: str = ""
    reason: str = ""
    after: int = 0


def archive(files: dict[str, str]) -> bytes:
    """Return a zip of `files`, name -> text."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, text in files.items():
            opened.writestr(name, text)
    return content.getvalue()


class KaggleServer:
    """The stand-in; a context manager that serves until it leaves or `stop` is called.

    Attributes
    ----------
    slug, archive
        The one competition it knows, and the bytes of its archive.
    served
        For each download of the archive, how many bytes are sent before the connection is cut; then whole ones.
    stalled
        For each download of the archive, how many bytes are sent before nothing more comes.
    pace
        Seconds between two pieces of a download, of which there are `PIECES`.
    delays
        Seconds that an operation takes before it is done.
    gates
        Events that an operation waits for before it is done.
    loop
        Whether the store sends every request on to itself.
    submissions
        What was handed in, the latest first, as Kaggle lists it.
    verdicts
        What becomes of the next submissions; a plain `Verdict()` when it is empty.
    pending
        Verdicts not yet given, by reference.
    limits
        What the competition's quota answers.
    evaluation
        Kaggle's name of the competition's metric.
    operations
        Names of the requests in the order they came, `GET` and `PUT` standing for the store's.
    """

    def __init__(self, slug: str, archive: bytes) -> None:
        self.slug, self.archive = slug, archive
        self.board = b""  # the zip file of the public leaderboard
        self.served: deque[int] = deque()
        self.stalled: deque[int] = deque()
        self.pace = 0.0
        self.delays: dict[str, float] = {}
        self.gates: dict[str, threading.Event] = {}
        self.loop = False
        self.stopped = threading.Event()
        self.submissions: list[dict[str, Any]] = []
        self.verdicts: deque[Verdict] = deque()
        self.limits: dict[str, Any] = {"numToday": 1, "numTotal": 3, "numAllowedNow": 9, "limitedByTotal": False}
        self.evaluation = ""
        self.operations: list[str] = []
        self.uploads: dict[str, bytes] = {}
        self._faults: dict[str, deque[Fault | None]] = defaultdict(deque)
        self.pending: dict[int, Verdict] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        stand_in = self

        class Handler(_Handler):
            server_ = stand_in

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Be gone: the port refuses connections from now on."""
        self.stopped.set()
        self._http.shutdown()
        self._http.server_close()

    def environment(self, home: Path) -> dict[str, str]:
        """Return the variables that send the real client here, signed in, and nowhere else."""
        address = f"http://127.0.0.1:{self._http.server_port}"
        # requests puts the names in small letters first.
        proxies = {"http_proxy": address, "https_proxy": DEAD_PROXY, "all_proxy": DEAD_PROXY, "no_proxy": ""}
        proxies |= {name.upper(): value for name, value in proxies.items()}
        config = home / ".kaggle"
        config.mkdir(parents=True, exist_ok=True)
        return {
            **proxies,
            "KAGGLE_API_ENVIRONMENT": "LOCALHOST",
            "KAGGLE_API_TOKEN": TOKEN,
            "KAGGLE_CONFIG_DIR": str(config),
            "HOME": str(home),
        }

    def fail(self, operation: str, *faults: Fault | None) -> None:
        """Answer the next requests of `operation` with `faults`, None being a right answer; then rightly again."""
        self._faults[operation].extend(faults)

    def count(self, operation: str) -> int:
        """Return how often `operation` was asked for."""
        return self.operations.count(operation)

    def next_fault(self, operation: str) -> Fault | None:
        """Note a request and return the fault that is due."""
        with self._lock:
            self.operations.append(operation)
            return self._faults[operation].popleft() if self._faults[operation] else None

    def answer(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """Do what the API is asked for and return its answer."""
        with self._lock:
            methods = {
                "IntrospectToken": self._introspect,
                "GetSubmissionLimits": lambda _: self.limits,
                "StartSubmissionUpload": self._start_upload,
                "CreateSubmission": self._create,
                "ListSubmissions": self._list,
                "ListCompetitions": self._competitions,
            }
            return methods[operation](request)

    def _introspect(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"active": True, "username": USER} if request.get("token") == TOKEN else {"active": False}

    def _competitions(self, request: dict[str, Any]) -> dict[str, Any]:
        found = [
            {"ref": f"https://www.kaggle.com/competitions/{slug}", "evaluationMetric": name}
            for slug, name in ((f"{self.slug}-2", "Other"), (self.slug, self.evaluation))
            if request.get("search", "") in slug
        ]
        return {"competitions": found, "nextPageToken": ""}

    def _start_upload(self, request: dict[str, Any]) -> dict[str, Any]:
        token = f"upload-{self.operations.count('StartSubmissionUpload')}"
        return {"token": token, "createUrl": f"http://localhost/store/{token}"}

    def _create(self, request: dict[str, Any]) -> dict[str, Any]:
        verdict = self.verdicts.popleft() if self.verdicts else Verdict()
        reference = 4000 + len(self.submissions)
        self.pending[reference] = verdict
        submission = {
            "ref": reference,
            "date": "2026-01-01T00:00:00.123Z",
            "description": request.get("submissionDescription", ""),
            "fileName": "submission.csv",
            "totalBytes": len(self.uploads[request["blobFileTokens"]]),
            "status": "PENDING",
        }
        self.submissions.insert(0, submission)
        return {"message": "Successfully submitted", "ref": reference}

    def _list(self, request: dict[str, Any]) -> dict[str, Any]:
        for submission in self.submissions:
            verdict = self.pending.get(submission["ref"])
            if verdict is None:
                continue
            verdict.after -= 1
            if verdict.after < 0:
                submission |= {"status": verdict.status, "publicScore": verdict.public, "privateScore": verdict.private}
                submission["errorDescription"] = verdict.reason
                del self.pending[submission["ref"]]
        return {"submissions": self.submissions, "nextPageToken": ""}


class _Handler(BaseHTTPRequestHandler):
    server_: KaggleServer

    def log_message(self, *_: object) -> None:
        """Stay silent."""

    def _post(self) -> None:
        body = self._body()
        # The request line holds the whole address, since we are a proxy.
        operation = urlsplit(self.path).path.rsplit("/", 1)[-1]
        fault = self.server_.next_fault(operation)
        self.server_.stopped.wait(self.server_.delays.get(operation, 0.0))
        if gate := self.server_.gates.get(operation):
            gate.wait()
        request = json.loads(body or b"{}")
        if fault is None and not self._allowed(operation):
            fault = Fault(401, "Unauthenticated")
        if fault is None and request.get("competitionName", self.server_.slug) != self.server_.slug:
            fault = Fault(404, "Competition not found")
        if fault:
            if fault.counted:
                self.server_.answer(operation, request)
            self._fail(fault)
        elif operation == "DownloadLeaderboard":
            self._send(302, b"", {"Location": f"http://localhost/store/board.zip?signature={SIGNATURE}"})
        elif operation == "DownloadDataFiles":
            place = f"http://localhost/store/{self.server_.slug}.zip?signature={SIGNATURE}"
            self._send(302, b"", {"Location": place})
        else:
            self._send_json(200, self.server_.answer(operation, request))

    def _put(self) -> None:
        body = self._body()
        if fault := self.server_.next_fault("PUT"):
            self._fail(fault)
            return
        self.server_.uploads[urlsplit(self.path).path.rsplit("/", 1)[-1]] = body
        self._send(201, b"", {})

    def _get(self) -> None:
        if fault := self.server_.next_fault("GET"):
            self._fail(fault)
            return
        if self.server_.loop:
            self._send(302, b"", {"Location": f"http://localhost/store/again?signature={SIGNATURE}"})
            return
        content = self.server_.board if "/board.zip" in self.path else self.server_.archive
        headers = {"Accept-Ranges": "bytes", "ETag": '"1"', "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"}
        start = 0
        if asked := self.headers.get("Range"):
            start = int(asked.removeprefix("bytes=").rstrip("-"))
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        cut = self.server_.served.popleft() if self.server_.served else None
        stall = self.server_.stalled.popleft() if self.server_.stalled else None
        self._send(206 if asked else 200, content[start:], headers, cut if stall is None else stall)
        if stall is not None:
            self.wfile.flush()
            self.server_.stopped.wait()

    do_POST, do_PUT, do_GET = _post, _put, _get

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _allowed(self, operation: str) -> bool:
        pair = base64.b64encode(f"{USER}:{KEY}".encode()).decode()
        good = (f"Bearer {TOKEN}", f"Basic {pair}")
        return operation == "IntrospectToken" or self.headers.get("Authorization") in good

    def _fail(self, fault: Fault) -> None:
        if fault.silent:
            self.server_.stopped.wait()
        elif fault.body is not None:
            self._send(fault.status, fault.body, fault.headers)
        elif not fault.status:
            self.close_connection = True
        elif fault.message is None:
            headers = {"Content-Type": "text/html; charset=utf-8", **fault.headers}
            self._send(fault.status, PAGE, headers)
        else:
            status = 200 if fault.disguised else fault.status
            self._send_json(status, {"code": fault.status, "message": fault.message}, fault.headers)

    def _send_json(self, status: int, value: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        self._send(status, json.dumps(value).encode(), {"Content-Type": "application/json", **(headers or {})})

    def _send(self, status: int, content: bytes, headers: dict[str, str], cut: int | None = None) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        content = content[:cut]
        size = len(content) // PIECES + 1 if self.server_.pace else max(len(content), 1)
        for start in range(0, len(content), size):
            self.wfile.write(content[start : start + size])
            self.server_.stopped.wait(self.server_.pace)
