"""A local stand-in for W&B: as much of its protocol as the client needs to log, resume and sync runs.

It answers on 127.0.0.1 only, keeps every byte it was sent, and can be told to misbehave: to refuse the
key, to hang, to answer with errors, to die and to come back on the same port.
"""

import base64
import gzip
import json
import re
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, Self
from urllib.parse import quote, unquote

Behaviour = Literal["good", "hanging", "broken"]

KEY = "0123456789abcdef" * 3


@dataclass
class StoredRun:
    """What the server knows of one run."""

    variables: dict[str, Any] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    lines: dict[int, dict[str, Any]] = field(default_factory=dict)
    complete: bool = False

    @property
    def history(self) -> list[dict[str, Any]]:
        """History rows in the order of their line numbers."""
        return [self.lines[number] for number in sorted(self.lines)]


@dataclass
class StoredArtifact:
    """What the server knows of a version of an artifact."""

    kind: str
    digest: str
    made_by: str | None
    files: dict[str, bytes] = field(default_factory=dict)
    used_by: set[str] = field(default_factory=set)
    committed: bool = False

    @property
    def contents(self) -> dict[str, Any]:
        """The entries of the manifest, by name."""
        return json.loads(self.files["wandb_manifest.json"])["contents"]


class WandbServer:
    """The stand-in; a context manager that serves from `url` until it leaves.

    Attributes
    ----------
    runs
        What arrived, by run id.
    artifacts
        Those that arrived, by name, such as ``titanic-data``; a new version replaces the former one.
    uploads
        Files of runs, by name.
    views
        Workspaces and reports, by id.
    operations
        Names of the GraphQL operations in the order they came.
    received
        Every path and body, raw: where a test looks for secrets.
    """

    def __init__(self, key: str = KEY) -> None:
        self.key = key
        self.behaviour: Behaviour = "good"
        self.latency = 0.0  # seconds before each answer
        self.runs: defaultdict[str, StoredRun] = defaultdict(StoredRun)
        self.artifacts: dict[str, StoredArtifact] = {}
        self.uploads: dict[str, bytes] = {}
        self.views: dict[str, dict[str, Any]] = {}
        self.operations: list[str] = []
        self.received = bytearray()
        self._port = 0
        self._alive = threading.Event()
        self._http: _Http | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.die()

    @property
    def url(self) -> str:
        """What WANDB_BASE_URL must be."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Listen; the second time on the same port as the first."""
        service = self

        class Handler(_Handler):
            owner = service

        self._http = _Http(("127.0.0.1", self._port), Handler)
        self._port = self._http.server_address[1]
        self._alive.set()
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()

    def die(self) -> None:
        """Refuse new connections and drop the open ones."""
        self._alive.clear()
        if self._http is not None:
            self._http.shutdown()
            self._http.server_close()
            self._http = None

    def answer(self, operation: str, variables: dict[str, Any]) -> dict[str, Any]:
        """The data of one GraphQL operation; what the client does without is an empty answer."""
        match operation:
            case "Viewer" | "GetDefaultEntity":
                viewer = {"id": "1", "entity": "ada", "username": "ada", "email": "ada@example.org", "flags": "{}"}
                return {"viewer": {**viewer, "teams": {"edges": []}}, "serverInfo": {}}
            case "ServerFeaturesQuery":
                return {"serverInfo": {"features": []}}
            case "UpsertBucket":
                run = self.runs[variables["name"]]
                inserted = not run.variables
                run.variables.update({key: value for key, value in variables.items() if value is not None})
                if variables.get("config"):
                    run.config = json.loads(variables["config"])
                return {"upsertBucket": {"bucket": self._bucket(variables["name"]), "inserted": inserted}}
            case "RunResumeStatus":
                known = variables["name"] in self.runs
                project = {"id": "2", "name": variables["project"], "entity": {"id": "1", "name": "ada"}}
                return {"model": {**project, "bucket": self._bucket(variables["name"]) if known else None}}
            case "CreateRunFiles":
                files = [{"name": name, "uploadUrl": f"{self.url}/upload/{name}"} for name in variables["files"]]
                return {"createRunFiles": {"runID": "3", "uploadHeaders": [], "files": files}}
            case "UpsertView2" | "upsertView":
                view_id = variables.get("id") or f"view{len(self.views)}"
                self.views[view_id] = {**variables, "id": view_id, "spec": json.loads(variables["spec"])}
                project = {"id": "2", "name": variables["projectName"], "entityName": variables["entityName"]}
                view = {**variables, "id": view_id, "project": project, "updatedAt": "2026-01-01T00:00:00Z"}
                return {"upsertView": {"view": view, "inserted": True}}
            case "GetProjects":
                project = {"id": "2", "name": "tests", "entityName": variables["entity"], "isBenchmark": False}
                node = {**project, "createdAt": "2026-01-01T00:00:00Z", "user": None}
                return {"models": {"pageInfo": {"endCursor": None, "hasNextPage": False}, "edges": [{"node": node}]}}
            case "ProjectInternalId":
                return {"project": {"id": "2", "internalId": "2"}}
        return self._of_artifacts(operation, variables)

    def _of_artifacts(self, operation: str, variables: dict[str, Any]) -> dict[str, Any]:
        """Answer what concerns artifacts; an artifact's id is its name."""
        match operation:
            case "CreateArtifact":
                asked = variables["input"]
                name = asked["artifactCollectionName"]
                known = self.artifacts.get(name)
                if known is None or known.digest != asked["digest"]:
                    known = StoredArtifact(asked["artifactTypeName"], asked["digest"], asked["runName"])
                    self.artifacts[name] = known
                state = "COMMITTED" if known.committed else "PENDING"
                made = {"id": name, "state": state, "artifactSequence": {"id": name, "latestArtifact": None}}
                return {"createArtifact": {"artifact": made}}
            case "CreateArtifactManifest" | "UpdateArtifactManifest":
                name = variables.get("artifactID") or variables["artifactManifestID"]
                file = {"id": "4", "uploadUrl": self._upload(name, "wandb_manifest.json"), "uploadHeaders": []}
                manifest = {"artifactManifest": {"id": name, "file": file}}
                return {operation[0].lower() + operation[1:]: manifest}
            case "CreateArtifactFiles":
                nodes = [
                    {
                        "name": file["name"],
                        "storagePath": file["name"],
                        "uploadUrl": self._upload(file["artifactID"], file["name"]),
                        "uploadHeaders": [],
                        "uploadMultipartUrls": None,
                        "artifact": {"id": file["artifactID"]},
                    }
                    for file in variables["input"]["artifactFiles"]
                ]
                return {"createArtifactFiles": {"files": {"edges": [{"node": node} for node in nodes]}}}
            case "CommitArtifact":
                self.artifacts[variables["artifactID"]].committed = True
                return {"commitArtifact": {"artifact": {"id": variables["artifactID"], "digest": ""}}}
            case "UseArtifact":
                asked = variables["input"]
                self.artifacts[asked["artifactID"]].used_by.add(asked["runName"])
                return {"useArtifact": {"artifact": {"id": asked["artifactID"]}}}
        return {}

    def _upload(self, artifact: str, name: str) -> str:
        return f"{self.url}/artifact/{quote(artifact, safe='')}/{quote(name, safe='')}"

    def keep(self, path: str, body: bytes) -> None:
        """Keep an uploaded file of a run, or of an artifact."""
        _, place, *names = (unquote(part) for part in path.split("/"))
        if place == "artifact":
            self.artifacts[names[0]].files[names[1]] = body
        else:
            self.uploads["/".join(names)] = body

    def _bucket(self, name: str) -> dict[str, Any]:
        run = self.runs[name]
        entity = {"id": "1", "name": run.variables.get("entity") or "ada"}
        project = {"id": "2", "name": run.variables.get("project"), "entity": entity}
        tail = json.dumps([json.dumps(row) for row in run.history[-1:]])
        return {
            "id": "3",
            "name": name,
            "displayName": run.variables.get("displayName", name),
            "config": json.dumps(run.config),
            "wandbConfig": json.dumps({"t": {}}),
            "summaryMetrics": json.dumps(run.summary),
            "historyLineCount": len(run.lines),
            "eventsLineCount": 0,
            "logLineCount": 0,
            "historyTail": tail,
            "eventsTail": "[]",
            "tags": [],
            "project": project,
        }

    def stream(self, run: StoredRun, body: dict[str, Any]) -> None:
        """Keep what a file_stream request carries: history lines by number, the newest summary."""
        files = body.get("files") or {}
        history = files.get("wandb-history.jsonl", {"offset": 0, "content": []})
        for number, line in enumerate(history["content"], start=history["offset"]):
            run.lines[number] = json.loads(line)
        for line in files.get("wandb-summary.json", {}).get("content", []):
            run.summary = json.loads(line)
        run.complete = run.complete or bool(body.get("complete"))


class _Http(ThreadingHTTPServer):
    """Says nothing when a client goes away, and takes many connections at once."""

    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        pass


class _Handler(BaseHTTPRequestHandler):
    """One connection; `owner` is the stand-in it belongs to."""

    protocol_version = "HTTP/1.1"
    owner: WandbServer

    def log_message(self, *_: object) -> None:
        pass

    def _serve(self) -> None:
        service = self.owner
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        if not service._alive.is_set():
            self.close_connection = True
            return
        service.received += self.path.encode() + b"\n" + body + b"\n"
        while service.behaviour == "hanging" and service._alive.wait(0.05):
            threading.Event().wait(0.05)
        time.sleep(service.latency)
        if service.behaviour == "broken":
            return self._send(500, {"error": "the stand-in was told to break"})
        if self.path == "/graphql":
            return self._graphql(json.loads(body or b"{}"))
        if self.path.endswith("/file_stream"):
            service.stream(service.runs[self.path.split("/")[-2]], json.loads(body))
        elif self.path.startswith(("/upload/", "/artifact/")):
            service.keep(self.path, body)
        else:
            return self._send(404, {"error": "unknown path"})
        self._send(200, {})

    do_GET = do_POST = do_PUT = _serve

    def _graphql(self, request: dict[str, Any]) -> None:
        expected = "Basic " + base64.b64encode(f"api:{self.owner.key}".encode()).decode()
        if self.headers.get("Authorization") != expected:
            return self._send(401, {"errors": [{"message": "user is not logged in"}]})
        # W&B's public interface gives the name in the query only.
        named = re.search(r"(?:query|mutation)\s+(\w+)", request["query"])
        operation = request.get("operationName") or (named[1] if named else "")
        self.owner.operations.append(operation)
        self._send(200, {"data": self.owner.answer(operation, request.get("variables") or {})})

    def _send(self, status: int, content: dict[str, Any]) -> None:
        payload = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)
