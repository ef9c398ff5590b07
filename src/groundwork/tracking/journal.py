"""What of a run is written on this disk: its records, read up to where the file was cut.

W&B writes a run as a log of records: a header of seven bytes, then blocks of 32 KiB with chunks in them, each with its
checksum, length and type (the log format of LevelDB, https://github.com/google/leveldb/blob/main/doc/log_format.md).
W&B's own reader takes a second to start and does not say whether the end is missing.
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

    What cannot be read ends the list.
    """
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # no types
    from wandb.proto.wandb_internal_pb2 import Record  # type: ignore[attr-defined]  # made when it is imported

    found: list[str] = []
    for file in folder.glob("run-*.wandb"):
        try:
            found += [str(Record.FromString(record).WhichOneof("record_type")) for record in _records(file)]
        except (OSError, DecodeError):
            break
    return found


def is_sendable(folder: Path) -> bool:
    """Whether the server can learn of the run in `folder` at all: a process killed in its first seconds wrote none."""
    return "run" in kinds(folder)


def is_whole(folder: Path) -> bool:
    """Whether the run in `folder` was written to its end."""
    return kinds(folder)[-1:] == ["exit"]


def _records(file: Path) -> Iterator[bytes]:
    content = file.read_bytes()
    at, parts = HEADER, b""
    while at + CHUNK <= len(content):
        left = BLOCK - at % BLOCK
        if left < CHUNK:  # The rest of a block that no chunk fits into.
            at += left
            continue
        length = int.from_bytes(content[at + 4 : at + 6], "little")
        kind, body = content[at + 6], content[at + CHUNK : at + CHUNK + length]
        if not FULL <= kind <= LAST or len(body) < length:
            return
        at += CHUNK + length
        parts = body if kind in (FULL, FIRST) else parts + body
        if kind in (FULL, LAST):
            yield parts
