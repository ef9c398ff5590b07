"""Reads the records of a local W&B run, up to where its file was cut off.

W&B writes a run as a log of records: a header of seven bytes, then blocks of 32 KiB that contain chunks, each with its
checksum, length and type (the log format of LevelDB, https://github.com/google/leveldb/blob/main/doc/log_format.md).
W&B's own reader takes a second to start and does not report whether the end is missing.
"""

from collections.abc import Iterator
from pathlib import Path

HEADER = 7
BLOCK = 1 << 15
# A chunk's header: checksum (4 bytes), length (2), type (1).
CHUNK = 7
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4


def kinds(folder: Path) -> list[str]:
    """Return the kinds of the records of the run in `folder`, such as ``run``, ``history`` and, at its end, ``exit``.

    The list ends at the first record that cannot be read.
    """
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # no types
    from wandb.proto.wandb_internal_pb2 import Record  # type: ignore[attr-defined]  # defined when it is imported

    kinds_read: list[str] = []
    for file in folder.glob("run-*.wandb"):
        try:
            kinds_read += [str(Record.FromString(record).WhichOneof("record_type")) for record in _records(file)]
        except (OSError, DecodeError):
            break
    return kinds_read


def is_sendable(folder: Path) -> bool:
    """Return whether the run in `folder` can be sent: a process killed in its first seconds wrote no run record."""
    return "run" in kinds(folder)


def is_whole(folder: Path) -> bool:
    """Return whether the run in `folder` is complete."""
    return kinds(folder)[-1:] == ["exit"]


def _records(file: Path) -> Iterator[bytes]:
    content = file.read_bytes()
    position, parts = HEADER, b""
    while position + CHUNK <= len(content):
        left = BLOCK - position % BLOCK
        if left < CHUNK:  # The rest of the block is too small for a chunk.
            position += left
            continue
        length = int.from_bytes(content[position + 4 : position + 6], "little")
        kind, body = content[position + 6], content[position + CHUNK : position + CHUNK + length]
        if not FULL <= kind <= LAST or len(body) < length:
            return
        position += CHUNK + length
        parts = body if kind in (FULL, FIRST) else parts + body
        if kind in (FULL, LAST):
            yield parts
