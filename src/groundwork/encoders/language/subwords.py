"""Sub-words: byte-level byte-pair encoding, learned from training texts."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Self

import numpy as np
import torch
from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.normalizers import NFKC, Lowercase
from tokenizers.normalizers import Sequence as Normalizers
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.trainers import BpeTrainer

from groundwork.encoders.ragged import Ragged
from groundwork.state import State, scalar

# Texts that are cut at a time: what the tokenizer returns for each is many times its text.
AT_ONCE = 4096


def readable(text: str) -> str:
    """Replace what is no character by a question mark: half of a surrogate pair has no bytes in UTF-8."""
    return text.encode("utf-8", "replace").decode()


class Subwords:
    """Texts as numbers of sub-words.

    Frequent words are one sub-word, rare ones several; every text can be written, for the bytes of UTF-8 are sub-words
    too: Sennrich et al., https://arxiv.org/abs/1508.07909, over bytes as in GPT-2. Compatible characters (NFKC) and
    capitals are taken together.

    Parameters
    ----------
    size
        The most sub-words to learn; no fewer than the 256 bytes.
    """

    def __init__(self, size: int) -> None:
        self.size = size

    def fit(self, texts: Iterable[str]) -> Self:
        """Learn sub-words from training texts; the same texts give the same sub-words."""
        self.tokenizer = Tokenizer(BPE())
        self.tokenizer.normalizer = Normalizers([NFKC(), Lowercase()])
        self.tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=True)
        trainer = BpeTrainer(
            vocab_size=self.size, min_frequency=2, initial_alphabet=ByteLevel.alphabet(), show_progress=False
        )
        self.tokenizer.train_from_iterator((readable(text) for text in texts), trainer)
        return self

    def state(self) -> State:
        """Return the sub-words as data: the tokenizer writes itself as JSON."""
        return {"size": self.size, "tokenizer": self.tokenizer.to_str()}

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Rebuild from `state`."""
        subwords = cls(scalar(state, "size", int))
        subwords.tokenizer = Tokenizer.from_str(scalar(state, "tokenizer", str))
        return subwords

    def __len__(self) -> int:
        """Return how many sub-words were learned; they are numbered from 1."""
        return self.tokenizer.get_vocab_size()

    def __call__(self, texts: Sequence[str], most: int) -> Ragged:
        """Cut texts into sub-words: int64 ids from 1 to ``len(self)``.

        Parameters
        ----------
        texts
            Any texts.
        most
            The longest sequence. A longer text keeps its head and its tail, half of it each.
        """
        ids = [np.array(each, dtype=np.int64) for each in self._cut(texts, most)]
        lengths = torch.tensor([len(each) for each in ids], dtype=torch.int64)
        values = torch.from_numpy(np.concatenate([np.empty(0, dtype=np.int64), *ids]) + 1)
        return Ragged(values, lengths.cumsum(0) - lengths, lengths)

    def _cut(self, texts: Sequence[str], most: int) -> Iterator[list[int]]:
        tail, rest = most // 2, iter(texts)
        while chunk := [readable(text) for text in islice(rest, AT_ONCE)]:
            for encoding in self.tokenizer.encode_batch_fast(chunk):
                ids = encoding.ids
                yield ids if len(ids) <= most else ids[: most - tail] + ids[len(ids) - tail :]
