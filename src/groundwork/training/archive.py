"""Reads and writes a fold's file: a ZIP archive of plain data, equal in its bytes where the contents are equal.

No member is compressed and no member is code: a file from an unknown source is checked member by member, and takes no
more memory than its size on the disk.
"""

import io
import json
import math
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import pandas as pd
import pyarrow as pa
from pyarrow import parquet
from pyarrow.types import is_floating, is_integer, is_large_string, is_string

from groundwork.state import Array, State, from_json, from_npy, to_json, to_npy

if TYPE_CHECKING:  # it imports torch, which reading rows does not need
    from groundwork.training.inference import Epoch

FORMAT = 1
WEIGHTS, TRANSFORMS, ROWS, HISTORY, MADE = (
    "weights.safetensors", "transforms.json", "rows.parquet", "history.json", "made.json",
)  # fmt: skip
ARRAYS = "arrays/{}.npy"
# A row has at least an id, a fold and a prediction. A file that claims more rows than this for a byte is refused.
MOST_ROWS_FOR_A_BYTE = 64
DATE = (1980, 1, 1, 0, 0, 0)  # the first moment that ZIP knows


class FormerFormatError(ValueError):
    """The file is a PyTorch pickle, as folds were before format 1."""


class NoWeightsError(ValueError):
    """The fold store has removed the weights and transforms of this fold."""


def write(path: Path, members: Mapping[str, bytes]) -> None:
    """Write `members`, by name, to `path`; equal members give equal bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(members):
            entry = zipfile.ZipInfo(name, DATE)
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            archive.writestr(entry, members[name])


def names(path: Path) -> list[str]:
    """List the members of a fold's file; raise as `read` does."""
    with path.open("rb") as stream:
        return [entry.filename for entry in _opened(stream)[1]]


def read(path: Path, *names: str) -> dict[str, bytes]:
    """Read the members `names` of a fold's file, without missing ones, or all members if none are named.

    Raises
    ------
    FormerFormatError
        If the file is a pickle; it is not opened.
    ValueError, OSError, zipfile.BadZipFile
        If the file is broken or of another format.
    """
    with path.open("rb") as stream:
        archive, entries = _opened(stream)
        wanted = [entry.filename for entry in entries if not names or entry.filename in names]
        return {name: archive.read(name) for name in wanted}


def _opened(stream: BinaryIO) -> tuple[zipfile.ZipFile, list[zipfile.ZipInfo]]:
    if stream.read(2) == b"\x80\x02":  # how pickles begin
        raise FormerFormatError
    size = stream.seek(0, io.SEEK_END)
    archive = zipfile.ZipFile(stream)
    entries = archive.infolist()
    if any(entry.filename.endswith("data.pkl") for entry in entries):
        raise FormerFormatError
    _check(entries, size)
    return archive, entries


def _check(entries: list[zipfile.ZipInfo], size: int) -> None:
    names = [entry.filename for entry in entries]
    arrays = sum(name.startswith("arrays/") for name in names)
    known = {WEIGHTS, TRANSFORMS, ROWS, HISTORY, MADE, *(ARRAYS.format(number) for number in range(arrays))}
    unexpected = sorted(set(names) - known) + sorted({name for name in names if names.count(name) > 1})
    if unexpected:
        raise ValueError(
            f"found a member {unexpected[0]!r}; expected expected one each of weights, transforms, rows and history"
        )
    if MADE not in names or HISTORY not in names:
        raise ValueError(f"found no {MADE if MADE not in names else HISTORY}")
    packed = [entry.filename for entry in entries if entry.compress_type or entry.file_size != entry.compress_size]
    if packed:
        raise ValueError(f"member {packed[0]!r} is compressed; expected uncompressed members")
    if sum(entry.file_size for entry in entries) > size:
        raise ValueError("its members overlap")


def pack_state(state: State) -> dict[str, bytes]:
    """Convert `state` to members."""
    text, arrays = to_json(state)
    files = {ARRAYS.format(number): to_npy(array) for number, array in enumerate(arrays)}
    return {TRANSFORMS: text.encode("ascii"), **files}


def unpack_state(members: Mapping[str, bytes]) -> State:
    """Convert the members that `pack_state` made back to a state; raise ValueError if there are none."""
    if TRANSFORMS not in members:
        raise NoWeightsError
    arrays: list[Array] = []
    while (name := ARRAYS.format(len(arrays))) in members:
        arrays.append(from_npy(members[name]))
    if len(arrays) < sum(name.startswith("arrays/") for name in members):
        raise ValueError(f"found no {ARRAYS.format(len(arrays))}")
    return from_json(members[TRANSFORMS], arrays)


def pack_rows(rows: pd.DataFrame) -> bytes:
    """Write out-of-fold rows as parquet, without pandas' metadata."""
    table = pa.Table.from_pandas(rows, preserve_index=False).replace_schema_metadata(None)
    stream = io.BytesIO()
    parquet.write_table(table, stream, compression="zstd")
    return stream.getvalue()


def unpack_rows(content: bytes, fold: int) -> pd.DataFrame:
    """Read the out-of-fold rows of `fold`; raise ValueError if they are not valid."""
    file = parquet.ParquetFile(io.BytesIO(content))
    if file.metadata.num_rows > MOST_ROWS_FOR_A_BYTE * len(content):
        raise ValueError(f"{ROWS}: found {file.metadata.num_rows} rows in {len(content)} bytes")
    for field in file.schema_arrow:
        label = field.name in ("id", "query") and (is_string(field.type) or is_large_string(field.type))
        if not label and not (is_integer(field.type) or is_floating(field.type)):
            raise ValueError(f"{ROWS}: column {field.name!r}: found {field.type}; expected numbers")
    rows = file.read().to_pandas(ignore_metadata=True)
    if "id" not in rows or "fold" not in rows or not (rows["fold"] == fold).all():
        raise ValueError(f"{ROWS}: expected the columns id and fold, and only rows of fold {fold}")
    return rows


def pack_history(history: "list[Epoch]") -> bytes:
    """Write each epoch's metrics as JSON; numbers that are not finite become the strings nan, inf and -inf."""
    lines = [{name: _named(value) for name, value in epoch.items()} for epoch in history]
    return json.dumps(lines, allow_nan=False, separators=(",", ":")).encode("ascii")


def unpack_history(content: bytes) -> "list[Epoch]":
    """Read each epoch's metrics; raise ValueError if they are not valid."""
    history = json.loads(content)
    if not isinstance(history, list) or not all(isinstance(epoch, dict) for epoch in history):
        raise ValueError(f"{HISTORY}: expected a list of epochs")
    return [{name: _number(value) for name, value in epoch.items()} for epoch in history]


def _named(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)


def _number(value: Any) -> float:
    if value in ("nan", "inf", "-inf"):
        return float(value)
    if type(value) not in (int, float):
        raise ValueError(f"{HISTORY}: found {value!r}; expected a number")
    return value


def pack_made(facts: Mapping[str, Any]) -> bytes:
    """Write how a fold was made as JSON, with the version of this format."""
    content = {"format": FORMAT, **facts}
    return (json.dumps(content, indent=1, sort_keys=True, allow_nan=False) + "\n").encode("ascii")


def unpack_made(content: bytes) -> dict[str, Any]:
    """Read how a fold was made; raise ValueError if the format is another."""
    facts = json.loads(content)
    if not isinstance(facts, dict):
        raise ValueError(f"{MADE}: expected keys and values")
    version = facts.pop("format", None)
    if type(version) is not int or version != FORMAT:
        raise ValueError(f"{MADE}: found format {version!r}; this version of Groundwork reads format {FORMAT}")
    return facts
