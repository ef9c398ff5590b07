import io
import json
import math
import os
import pickle
import resource
import time
import zipfile
from copy import copy
from dataclasses import replace
from math import isnan, nan
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import safetensors.torch
import torch
from tests.training.tiny import SURVIVAL, in_memory, lane

from groundwork.errors import UserError
from groundwork.models.fnn import FNN
from groundwork.training.build import make_encoder, make_network, make_objective
from groundwork.training.checkpoint import FoldRecord, TrainedFold, identity_of, without_weights
from groundwork.training.origin import Origin


def trained_fold() -> tuple[TrainedFold, pd.DataFrame]:
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "x": rng.normal(size=30),
            "z": np.where(rng.random(30) < 0.3, np.nan, 1.0),
            "label": pd.array(rng.choice(["a", "b"], 30), dtype="str"),
            "key": pd.array(rng.choice(["k", "l", "m"], 30), dtype="str"),
        }
    )
    frame["survived"] = rng.integers(0, 2, 30)
    settings, rows = lane(), in_memory(frame)
    objective = make_objective(SURVIVAL, settings.objective, frame, rows)
    encoder = make_encoder(SURVIVAL, settings, rows)
    encoder.fit_transform(frame, objective.signals(frame))
    network = make_network(settings.model, encoder, objective)
    assert isinstance(network, FNN)
    torch.nn.init.normal_(network.head)
    validation = pd.DataFrame({"id": [1], "fold": np.int8(2), "target": [0], "p0": [0.5], "p1": [0.5]})
    fold = TrainedFold(
        2,
        "table",
        settings.model,
        encoder,
        objective,
        network.state_dict(),
        [{"epoch": 0, "val_loss": nan}],
        validation,
    )
    return fold, frame


def test_a_fold_predicts_and_encodes_bit_by_bit_the_same_from_its_file(tmp_path: Path) -> None:
    fold, frame = trained_fold()
    fold.save(tmp_path / "fold_2.fold")
    loaded = TrainedFold.load(tmp_path / "fold_2.fold")
    first, again = fold.encoder.transform(frame), loaded.encoder.transform(frame)
    assert all(torch.equal(first[name], again[name]) for name in first)
    predicted = loaded.predict(frame, torch.device("cpu"))
    np.testing.assert_array_equal(predicted, fold.predict(frame, torch.device("cpu")))
    assert predicted.shape == (30, 2)
    assert len(np.unique(predicted[:, 0])) > 10
    assert (loaded.fold, loaded.model, loaded.origin) == (2, fold.model, fold.origin)
    assert [list(epoch) for epoch in loaded.history] == [["epoch", "val_loss"]]
    assert loaded.history[0]["epoch"] == 0
    assert isnan(loaded.history[0]["val_loss"])
    pd.testing.assert_frame_equal(loaded.validation, fold.validation)
    assert [path.name for path in tmp_path.iterdir()] == ["fold_2.fold"]


def test_equal_folds_are_equal_bytes_whenever_they_are_written(tmp_path: Path) -> None:
    fold, _ = trained_fold()
    fold.save(tmp_path / "first.fold")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(time, "time", lambda: 2e9)
        patched.setattr(time, "localtime", lambda *_: (2033, 5, 18, 3, 33, 20, 2, 138, 0))
        trained_fold()[0].save(tmp_path / "second.fold")
    TrainedFold.load(tmp_path / "first.fold").save(tmp_path / "third.fold")
    first, *others = (path.read_bytes() for path in sorted(tmp_path.iterdir()))
    assert others == [first, first]
    assert zipfile.is_zipfile(tmp_path / "first.fold")


def test_rows_history_and_origin_are_read_without_weights(tmp_path: Path) -> None:
    fold, _ = trained_fold()
    path = tmp_path / "results" / "titanic" / "checkpoints" / "fold_2.fold"
    fold = replace(fold, origin=Origin(seed=3, key="abc", versions={"torch": "2"}))
    fold.save(path)
    whole = path.stat().st_size
    without_weights(path)
    record = FoldRecord.load(path)
    pd.testing.assert_frame_equal(record.validation, fold.validation)
    assert (record.fold, record.origin) == (2, fold.origin)
    assert identity_of(path)[0] == "abc"
    assert path.stat().st_size < whole / 2
    with pytest.raises(UserError, match="weights were removed") as caught:
        TrainedFold.load(path)
    assert caught.value.next_step == AGAIN


# --- files of others --------------------------------------------------------------------------------------------------

AGAIN = "train again: `dvc repro --force train@titanic`"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "results" / "titanic" / "checkpoints" / "fold_2.fold"
    trained_fold()[0].save(path)
    return path


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rewritten(path: Path, changes: dict[str, Any], compression: int = zipfile.ZIP_STORED) -> None:
    """Replace members by bytes, or by a function of their JSON; None removes a member."""
    content = members(path)
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name in {**content, **changes}:
            value = changes.get(name, content.get(name))
            if callable(value):
                value = json.dumps(value(json.loads(content[name])))
            if value is not None:
                archive.writestr(name, value)


def refused(path: Path, because: str) -> None:
    with pytest.raises(UserError, match=because) as caught:
        TrainedFold.load(path)
    assert caught.value.next_step == AGAIN
    assert str(path) in caught.value.problem


def npy(array: Any, **changes: Any) -> bytes:
    stream = io.BytesIO()
    if changes:
        np.lib.format.write_array_header_1_0(stream, {"fortran_order": False, "descr": "<f8", **changes})
        return stream.getvalue() + np.asarray(array).tobytes()
    np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


def table(**columns: Any) -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.table(columns), stream)
    return stream.getvalue()


BOMB = table(id=pa.array(np.zeros(10_000_000, dtype=np.int64)), fold=pa.array(np.full(10_000_000, 2, dtype=np.int8)))


class Malicious:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.mark}",)


@pytest.mark.parametrize(
    ("changes", "because"),
    [
        ({"extra.txt": b"x"}, "found a member 'extra.txt'"),
        ({"/etc/passwd": b"x"}, "found a member '/etc/passwd'"),
        ({"../../outside": b"x"}, "found a member '../../outside'"),
        ({"arrays/99.npy": npy([1.0])}, "found a member 'arrays/99.npy'"),
        ({"arrays/0.npy": None}, "found a member"),
        ({"made.json": None}, "found no made.json"),
        ({"history.json": None}, "found no history.json"),
        ({"weights.safetensors": None}, "weights.safetensors"),
        ({"weights.safetensors": b"\xff" * 100}, "SafetensorError"),
        ({"weights.safetensors": safetensors.torch.save({"bias": torch.zeros(2)})}, "state_dict"),
        ({"arrays/0.npy": npy(np.array([{}], dtype=object))}, "found an array of object"),
        ({"arrays/0.npy": npy(np.array(["a"]))}, "found an array of <U1"),
        ({"arrays/0.npy": npy([1.0], shape=(10**12,))}, "cannot be read as a fold"),
        ({"arrays/0.npy": npy([1.0], shape=(1,), descr=[("a", "<f8")])}, "found an array of"),
        ({"arrays/0.npy": npy(np.zeros(4, dtype=np.int8))}, "found int8"),
        ({"arrays/0.npy": b"no array"}, "cannot be read as a fold"),
        ({"transforms.json": b"{"}, "JSONDecodeError"),
        ({"transforms.json": b"[" * 100_000}, "RecursionError"),
        ({"transforms.json": b"[]"}, "found a list; expected a dict"),
        ({"transforms.json": lambda content: {}}, "found 0 references to arrays; expected"),
        ({"transforms.json": lambda content: content | {"more": {"$array": -1}}}, "is not the number of an array"),
        ({"transforms.json": lambda content: content | {"more": math.inf}}, "found Infinity"),
        ({"made.json": lambda content: content | {"format": 2}}, "found format 2; this version of Groundwork reads"),
        ({"made.json": lambda content: content | {"format": True}}, "found format True"),
        ({"made.json": lambda content: content | {"fold": "2"}}, "fold: found '2'"),
        ({"made.json": lambda content: content | {"seed": "x"}}, "seed: found 'x'"),
        ({"made.json": lambda content: content | {"versions": {"torch": 2}}}, "versions: found"),
        ({"made.json": lambda content: content | {"encoding": "os.system"}}, "KeyError: 'os.system'"),
        ({"made.json": lambda content: content | {"model": {"network": "fnn"}}}, "ValidationError"),
        ({"made.json": b"null"}, "expected keys and values"),
        ({"history.json": lambda _: {"epoch": 1}}, "expected a list of epochs"),
        ({"history.json": lambda _: [{"epoch": [1]}]}, "expected a number"),
        ({"rows.parquet": b"PAR1"}, "cannot be read as a fold"),
        ({"rows.parquet": table(id=[1], fold=[1])}, "only rows of fold 2"),
        ({"rows.parquet": table(fold=[2])}, "expected the columns id and fold"),
        ({"rows.parquet": table(id=[1], fold=[2], p0=["x"])}, "column 'p0': found string; expected numbers"),
        ({"rows.parquet": BOMB}, "found 10000000 rows in"),
    ],
)
def test_a_file_that_is_not_a_fold_is_refused_with_the_command_that_makes_it_anew(
    path: Path, changes: dict[str, Any], because: str
) -> None:
    rewritten(path, changes)
    refused(path, because)


def test_weights_of_another_dtype_are_refused(path: Path) -> None:
    weights = safetensors.torch.load(members(path)["weights.safetensors"])
    halved = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in weights.items()}
    rewritten(path, {"weights.safetensors": safetensors.torch.save(halved)})
    refused(path, r"found torch.float16; expected torch.float32")


def test_compressed_and_overlapping_and_doubled_members_are_refused(path: Path) -> None:
    whole = path.read_bytes()
    rewritten(path, {"rows.parquet": b"0" * 10_000_000}, zipfile.ZIP_DEFLATED)
    refused(path, "is compressed")
    path.write_bytes(whole)
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(path, "a") as archive:
        archive.writestr("made.json", b"{}")
    refused(path, "found a member 'made.json'")
    # Two entries of the directory that point to the same bytes.
    path.write_bytes(whole)
    with zipfile.ZipFile(path, "a") as archive:
        first = archive.getinfo("weights.safetensors")
        for number in range(20, 60):
            entry = copy(first)
            entry.filename = f"arrays/{number}.npy"
            archive.filelist.append(entry)
        archive._didModify = True
    refused(path, "cannot be read as a fold")


@pytest.mark.parametrize("kept", [0, 1, 100, -500, -1])
def test_a_file_that_is_cut_is_refused(path: Path, kept: int) -> None:
    path.write_bytes(path.read_bytes()[:kept])
    refused(path, "cannot be read as a fold")


def test_a_flipped_byte_of_the_weights_is_noticed(path: Path) -> None:
    content = bytearray(path.read_bytes())
    place = content.index(b"weights.safetensors") + 2000
    content[place] ^= 1
    path.write_bytes(bytes(content))
    refused(path, "CRC")


def test_a_pickle_is_neither_run_as_a_file_of_the_former_format_nor_as_a_member(path: Path, tmp_path: Path) -> None:
    mark, evil = tmp_path / "ran", tmp_path / "evil.pt"
    torch.save(Malicious(mark), evil)
    former = path.with_suffix(".pt")
    message = "is a checkpoint of the former format, a pickle, which could run code and was not opened"

    for content in (evil.read_bytes(), pickle.dumps(Malicious(mark)), pickle.dumps(Malicious(mark), protocol=0)):
        path.write_bytes(content)
        with pytest.raises(UserError, match=r"former format|cannot be read as a fold") as caught:
            TrainedFold.load(path)
        assert caught.value.next_step == AGAIN
    path.write_bytes(evil.read_bytes())
    refused(path, message)
    path.unlink()
    former.write_bytes(evil.read_bytes())
    with pytest.raises(UserError, match=message) as caught:
        TrainedFold.load(path)
    assert str(former) in caught.value.problem
    former.unlink()

    raw = pickle.dumps(Malicious(mark))
    for member in ("weights.safetensors", "transforms.json", "arrays/0.npy", "rows.parquet", "history.json", "x.pkl"):
        trained_fold()[0].save(path)
        rewritten(path, {member: raw})
        refused(path, "cannot be read as a fold")
    trained_fold()[0].save(path)
    rewritten(path, {"arrays/0.npy": npy(np.array([Malicious(mark)], dtype=object))})
    refused(path, "found an array of object")
    assert not mark.exists()
    os.system(f"touch {mark}")
    assert mark.exists(), "the file that was planted works"


def test_a_full_disk_leaves_the_former_checkpoint_and_one_message(tmp_path: Path) -> None:
    fold, _ = trained_fold()
    fold.save(tmp_path / "fold_2.fold")
    former = (tmp_path / "fold_2.fold").read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(former) // 2, hard))
    try:
        with pytest.raises(UserError, match="could not be written"):
            fold.save(tmp_path / "fold_2.fold")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (tmp_path / "fold_2.fold").read_bytes() == former
