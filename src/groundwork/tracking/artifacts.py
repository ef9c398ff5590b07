"""Names data, trained folds and submissions as artifacts of W&B, so that it shows what was made from what.

An artifact with references contains no file: an address with a hash stands for what DVC and the fold store keep.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import wandb

Artifacts = Literal["none", "references", "files"]
SCHEME = "groundwork"
HOW = "artifacts"  # the key of a run's config that says how its artifacts are logged, if they are


def publish(run: "wandb.Run", artifact: "wandb.Artifact", aliases: Sequence[str] = (), *, used: bool = False) -> None:
    """Log an artifact without asking the server anything.

    W&B's own ``log_artifact`` and ``use_artifact`` wait for the server, which may have died, and the latter refuses to
    work offline. What they would wait for happens in W&B's background process, or in `groundwork sync`.

    Parameters
    ----------
    used
        Whether the artifact is an input of the run; else it is an output.
    """
    artifact.finalize()
    interface = run._interface
    assert interface is not None  # a run that was started has one
    interface.publish_artifact(run, artifact, aliases or ["latest"], is_user_created=used, use_after_commit=used)


def data(lane_name: str, config: Mapping[str, Any]) -> "wandb.Artifact":
    """Make the artifact of a lane's prepared data: a reference by hash. Equal data is the same version of it."""
    import wandb

    hashes = {key: config[key] for key in ("data_sha256", "folds_sha256")}
    source = config.get("params", {}).get("source")
    artifact = wandb.Artifact(f"{lane_name}-data", "dataset", metadata={**hashes, "source": source})
    _refer(artifact, "prepared", f"data/prepared/{lane_name}", hashes["data_sha256"])
    return artifact


def of_files(name: str, kind: str, files: Mapping[str, tuple[Path, str]], how: Artifacts) -> "wandb.Artifact":
    """Make an artifact of files, or of references to them.

    Parameters
    ----------
    name, kind
        Its name and type in W&B.
    files
        For each name within the artifact, the file's path in the checkout and its hash or key.
    """
    import wandb

    artifact = wandb.Artifact(name, kind, metadata={inner: key for inner, (_, key) in files.items()})
    for inner, (path, key) in files.items():
        if how == "files":
            # W&B copies the file to its staging folder, so that a later run cannot change it before it is sent.
            artifact.add_file(str(path), inner, skip_cache=True)
        else:
            _refer(artifact, inner, path.as_posix(), key)
    return artifact


def _refer(artifact: "wandb.Artifact", inner: str, place: str, key: str) -> None:
    # The address is the digest: W&B cannot compute one of a scheme that it does not know, and would warn about it.
    from wandb.sdk.artifacts.artifact_manifest_entry import ArtifactManifestEntry
    from wandb.sdk.lib.paths import LogicalPath

    address = f"{SCHEME}://{place}?{key}"
    artifact.manifest.add_entry(ArtifactManifestEntry(path=LogicalPath(inner), ref=address, digest=address))
