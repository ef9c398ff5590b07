"""params.yaml: every mistake is named with its key, what was found and what is allowed."""

import os
from pathlib import Path

import pytest

from groundwork import competitions, params
from groundwork.errors import UserError


@pytest.fixture
def text(repository: Path) -> str:
    return (repository / "params.yaml").read_text()


def refused(tmp_path: Path, text: str | bytes) -> str:
    file = tmp_path / "params.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError) as caught:
        params.load(file)
    assert caught.value.next_step
    return caught.value.problem


def test_the_shipped_file_is_valid_and_keeps_to_one_screen(repository: Path, text: str) -> None:
    lanes = params.load(repository / "params.yaml").competitions.values()
    assert {lane.competition for lane in lanes} == set(competitions.names())
    assert len(text.splitlines()) < 120
    assert len((repository / "dvc.yaml").read_text().splitlines()) < 90


@pytest.mark.parametrize(
    ("there", "instead", "said"),
    [
        ("seed: 0", "sead: 0", "sead: unknown key; did you mean 'seed'?"),
        ("seed: 0", "sead: 0", "seed: missing"),
        ("seed: 0", "seed: zero", "seed: found 'zero' (str); expected a valid integer"),
        ("seed: 0", "seed: -1", "seed: found -1 (int); expected greater than or equal to 0"),
        (
            "mode: offline",
            "mode: onlin",
            "tracking.mode: found 'onlin' (str); expected 'offline', 'online' or 'disabled'",
        ),
        ("    width: 128", "    widht: 128", "house-prices.model.widht: unknown key; did you mean 'width'?"),
        ("    width: 128", "    width: 1.5", "house-prices.model.width: found 1.5 (float); expected a valid integer"),
        ("    dropout: 0.2", "    dropout: 1.0", "house-prices.model.dropout: found 1.0 (float); expected less than 1"),
        ("network: cnn", "network: resnet", "digit-recognizer.model.network: found 'resnet'; expected 'fnn' or 'cnn'"),
        ("folds: all", "folds: some", "training.folds: found 'some' (str); expected 'all' or a valid integer"),
        ("  devices: auto", "  devices: [0, x]", "hardware.devices.1: found 'x' (str); expected a valid integer"),
        ("max_time: null", "max_time: 1h", "training.max_time: found '1h' (str); expected DD:HH:MM:SS"),
        ("  titanic:", "  titanic: 3\n  other:", "competitions.titanic: found 3 (int); expected a section with keys"),
        ("seed: 0", "seed: [0", "is not YAML: while parsing a flow sequence"),
        ("seed: 0", "seed: 0\nseed: 1", "line 4: key 'seed' occurs twice in its section; expected once"),
        ("  titanic:", "  Titanic two:", "competitions.Titanic two: found 'Titanic two' (str); expected small letters"),
        ("project: groundwork", "project: a/b", "tracking.project: found 'a/b' (str); expected letters, digits"),
        ("    epochs: 20", "    epochs: 20\n    epochs: 21", "key 'epochs' occurs twice in its section"),
        ("seed: 0", "seed: .nan", "seed: found nan (float)"),
        ("folds_seed: 0", "folds_seed: -1", "folds_seed: found -1 (int); expected greater than or equal to 0"),
        ("folds_seed: 0", "folds_sead: 0", "folds_seed: missing"),
        ("store: 5 GB", "store: 5", "store: found 5 (int); expected a valid string"),
        ("store: 5 GB", "store: 5 GiB", "store: found '5 GiB' (str); expected a number and MB, GB or TB, such as 5 GB"),
        ("store: 5 GB", "store: -5 GB", "store: found '-5 GB' (str); expected a number and MB, GB or TB"),
        (
            "{name: adamw,",
            "{name: adam2,",
            "training.optimizer.name: found 'adam2'; expected 'adamw' or 'adam' or 'sgd' or 'rmsprop' or 'adagrad' or",
        ),
        (
            "{name: adamw,",
            "{name: sgd,",
            "training.optimizer.betas: unknown key; another choice of this section has it",
        ),
        ("{name: adamw,", "{name: sgd,", "training.optimizer.nesterov: missing"),
        (
            "{name: adamw, betas: [0.9, 0.999]",
            "{name: adamw, betas: [0.9]",
            "training.optimizer.betas: found [0.9] (list)",
        ),
        (
            "{name: adamw, betas: [0.9, 0.999], eps: 1.0e-8}",
            "{name: sgd, momentum: 0.0, nesterov: true}",
            "expected a momentum above 0 where nesterov is true",
        ),
        ("callbacks: []", "callbacks: [{callback: a b}]", "callbacks.0.callback: found 'a b' (str); expected a dotted"),
        ("callbacks: []", "callbacks: [{path: x}]", "training.callbacks.0.callback: missing"),
    ],
)
def test_a_mistake_is_named(there: str, instead: str, said: str, text: str, tmp_path: Path) -> None:
    assert there in text
    assert said in refused(tmp_path, text.replace(there, instead, 1))


def test_a_lane_may_not_be_called_like_a_folder_of_all_lanes(text: str, tmp_path: Path) -> None:
    assert "another name than memory" in refused(tmp_path, text.replace("\n  titanic:", "\n  memory:", 1))


def test_all_mistakes_are_named_at_once(text: str, tmp_path: Path) -> None:
    wrong = text.replace("\nseed: 0", "\nseed: x").replace("mode: offline", "mode: x")
    assert len(refused(tmp_path, wrong).splitlines()) == 2


def test_numbers_are_read_as_dvc_reads_them(text: str, tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text(text.replace("    learning_rate: 0.004", "    learning_rate: 4e-3"))
    assert params.load(file).lane("house-prices").training.learning_rate == 0.004


@pytest.mark.parametrize("content", ["", "[1, 2]", "word"])
def test_a_file_without_keys_is_refused(content: str, tmp_path: Path) -> None:
    assert "expected keys and values" in refused(tmp_path, content)


def test_a_missing_file_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not found"):
        params.load(tmp_path / "params.yaml")


def test_an_unknown_lane_gets_the_nearest_name(repository: Path) -> None:
    with pytest.raises(UserError, match="no lane 'titanik'; did you mean 'titanic'"):
        params.load(repository / "params.yaml").lane("titanik")


LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 12)
)
CHAIN = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 3000))
UTF16 = "found UTF-16, as some Windows programs write; expected UTF-8"
LEVELS = "line 1: found more than 30 levels inside of each other"
ITSELF = "line 1: the alias of &e is inside of its own anchor"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("seed: " + "9" * 5000, "line 1: found a number of 5000 characters; expected at most 100"),
        ("seed: 0x" + "f" * 5000, "line 1: found a number of 5002 characters; expected at most 100"),
        ("seed: 1." + "9" * 5000, "line 1: found a number of 5002 characters; expected at most 100"),
        ("a: &e {<<: *e}", ITSELF),
        ("a: &e [*e]", ITSELF),
        ("a: &e {b: [*e]}", ITSELF),
        ("a: *b", "line 1: is not YAML: found undefined alias 'b'"),
        ("a: 1\n? [a, b]\n", "line 2: found a list as a key; expected a name"),
        ("? {a: b}", "line 1: found a section as a key; expected a name"),
        ("a:\n  ~: 1\n  2: 3\n", "line 2: found nothing, ~, as a key; expected a name"),
        ("a:\n  ~: 1\n  2: 3\n", "line 3: found a number, 2, as a key; expected a name"),
        (": 1", "line 1: found nothing as a key; expected a name"),
        ("1.5: 1", "line 1: found a number, 1.5, as a key; expected a name"),
        ("true: 1", "line 1: found a truth value, true, as a key; expected a name"),
        ("2001-01-01: 1", "line 1: found a date, 2001-01-01, as a key; expected a name"),
        ("<<: 3", "line 1: is not YAML: while constructing a mapping; expected a mapping or list of mappings"),
        ("a: " + "[" * 5000 + "]" * 5000, LEVELS),
        ("{a: " * 5000 + "}" * 5000, LEVELS),
        ("- " * 5000 + "x", LEVELS),
        ("? " * 5000 + "x", LEVELS),
        (LAUGHS + "seed: *a11", "line 5: its aliases expand to more than 100000 values"),
        (CHAIN, "line 30: its aliases expand to more than 30 levels"),
        (CHAIN, "and 81 more like these"),
        ("a:\n\tb: 1\n", r"line 2: is not YAML: while scanning for the next token; found character '\t'"),
        ("a: 1\nb: \0\n", "line 2: found the control character U+0000; expected text"),
        ("a: \x1b", "line 1: found the control character U+001B; expected text"),
        ("seed: 0\n".encode("utf-16"), UTF16),
        ("seed: 0\n".encode("utf-16-le"), UTF16),
        ("seed: 0\n".encode("utf-16-be"), UTF16),
        (b"seed: 0\n# caf\xe9\n", "line 2: found bytes that are not UTF-8"),
        ("a: 1\n---\nb: 2\n", "line 2: is not YAML: expected a single document"),
        ("seed: !!python/object/apply:os.abort []", "line 1: is not YAML: could not determine a constructor"),
        ("seed: 2001-02-31", "line 1: is not YAML: found '2001-02-31'; expected a value of the type timestamp (day is"),
        ("seed: 2001-02-28", "seed: found datetime.date(2001, 2, 28) (date); expected a valid integer"),
        ("seed: !!int x", "line 1: is not YAML: found 'x'; expected a value of the type int"),
        ("seed: !!bool x", "line 1: is not YAML: found 'x'; expected a value of the type bool"),
        ('seed: "\\UFFFFFFFF"', "is not YAML: OverflowError"),
        ("seed: " + "x" * 5000, f"seed: found '{'x' * 79}… (str); expected a valid integer"),
        ("#" * 300_000, "found 300 kB; expected a file of settings, at most 262 kB"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_an_odd_file_is_one_message(content: str | bytes, said: str, tmp_path: Path) -> None:
    problem = refused(tmp_path, content)
    assert said in problem
    assert len(problem) < 3000


def test_keys_that_stand_twice_are_all_named(tmp_path: Path) -> None:
    problem = refused(tmp_path, "a: 1\nb: {c: 1, c: 2}\na: 2\n")
    assert [line.partition(": ")[2] for line in problem.splitlines()] == [
        "line 3: key 'a' occurs twice in its section; expected once",
        "line 2: key 'c' occurs twice in its section; expected once",
    ]


def test_a_thousand_mistakes_make_a_message_that_can_be_read(text: str, tmp_path: Path) -> None:
    problem = refused(tmp_path, text + "\n".join(f"key{number}: 1" for number in range(1000)))
    assert len(problem.splitlines()) == 21


def test_a_byte_order_mark_is_no_mistake(text: str, tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text(text, encoding="utf-8-sig")
    assert params.load(file) == params.load(Path(__file__).parents[1] / "params.yaml")


def test_an_anchor_may_be_defined_anew(text: str, tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text(f".a: &same 1\n.b: &same 2\n{text}")
    assert params.load(file)


def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    for make, said in [(file.mkdir, "found a folder"), (lambda: os.mkfifo(file), "found no regular file")]:
        make()
        with pytest.raises(UserError, match=f"{said}; expected a file"):
            params.load(file)
        file.rmdir() if file.is_dir() else file.unlink()


@pytest.mark.skipif(os.name == "nt", reason="rights are POSIX's")
def test_a_file_that_may_not_be_read_is_said(tmp_path: Path, text: str) -> None:
    file = tmp_path / "params.yaml"
    file.write_text(text)
    file.chmod(0)
    root = os.geteuid() == 0
    if root:  # who may read everything
        os.seteuid(65534)
    try:
        with pytest.raises(UserError, match="cannot be read: Permission denied") as caught:
            params.load(file)
    finally:
        if root:
            os.seteuid(0)
    assert "ls -ld" in caught.value.next_step
