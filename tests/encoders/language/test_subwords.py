import subprocess
import sys

import pytest
import torch

from groundwork.encoders.language.subwords import Subwords
from groundwork.training.archive import pack_state, unpack_state

TEXTS = ["The lower the river, the lower the boats.", "Lowest rivers flow slower", "Boats, boats and BOATS!"] * 3


def rows(subwords: Subwords, texts: list[str], most: int = 100) -> list[list[int]]:
    cut = subwords(texts, most)
    return [cut[torch.tensor([row])][0, :length].tolist() for row, length in enumerate(cut.lengths.tolist())]


def words(subwords: Subwords, text: str) -> str:
    """What the sub-words of `text` say when they are written out again."""
    from tokenizers.decoders import ByteLevel

    names = {number: name for name, number in subwords.tokenizer.get_vocab().items()}
    return ByteLevel().decode([names[number - 1] for number in rows(subwords, [text])[0]])


def test_frequent_words_are_one_sub_word_and_ids_are_counted_from_1() -> None:
    subwords = Subwords(300).fit(TEXTS)
    assert 256 < len(subwords) <= 300
    assert [len(ids) for ids in rows(subwords, ["boats", "zebra", ""])] == [1, 6, 0]
    cut = subwords(TEXTS, 100)
    assert cut.values.dtype == torch.int64
    assert 1 <= cut.values.min() <= cut.values.max() <= len(subwords)
    every_byte = "".join(map(chr, range(0x250))) + "😀𠀀"
    assert (
        1 <= min(rows(subwords, [every_byte], 5000)[0]) <= max(rows(subwords, [every_byte], 5000)[0]) <= len(subwords)
    )


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("BOATS", " boats"),
        ("\uff42\uff4fats \ufb01ne", " boats fine"),  # full width, a ligature
        ("😀 Grüße", " 😀 grüße"),
        ("a\x00b\x1f\u200b", " a\x00b\x1f\u200b"),
        ("half \ud83d of it", " half ? of it"),
        (" \n", " \n"),
    ],
)
def test_any_text_can_be_written_in_sub_words(text: str, meant: str) -> None:
    assert words(Subwords(300).fit([*TEXTS, "\udfff 😀"]), text) == meant


def test_a_longer_text_keeps_its_head_and_its_tail() -> None:
    subwords = Subwords(256).fit([])
    text = "0123456789" * 2000
    for most in (1, 2, 7, 8):
        ids, whole = rows(subwords, [text], most)[0], rows(subwords, [text], 10**6)[0]
        assert ids == whole[: most - most // 2] + whole[len(whole) - most // 2 :]
        assert len(ids) == most


def test_no_texts_give_no_rows() -> None:
    cut = Subwords(300).fit([])([], 4)
    assert len(cut) == len(cut.values) == 0


def test_one_from_its_state_cuts_the_same() -> None:
    subwords = Subwords(280).fit(TEXTS)
    again = Subwords.from_state(unpack_state(pack_state(subwords.state())))
    texts = [*TEXTS, "", "naïve 漢字 🙂", "half \ud83d a pair"]
    assert rows(again, texts) == rows(subwords, texts)
    assert (len(again), again.size) == (len(subwords), 280)


def test_another_process_learns_the_same_sub_words() -> None:
    # Many pairs are equally frequent: which of them are learned must not hang on the order of a hash.
    texts = [f"{a}{b}{c} {c}{a}" for a in "abcdef" for b in "ghijkl" for c in "mnopqr"]
    script = (
        "from groundwork.encoders.language.subwords import Subwords\n"
        f"print(sorted(Subwords(320).fit({texts!r}).tokenizer.get_vocab().items()))"
    )
    other = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert other.strip() == str(sorted(Subwords(320).fit(texts).tokenizer.get_vocab().items()))
