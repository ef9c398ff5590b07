"""Splits texts into sub-words by a byte-level byte-pair encoding that is learned from training texts."""

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

# Number of texts split at a time, since the tokenizer's results need many times the memory of the texts.
AT_ONCE = 4096


def readable(text: str) -> str:
    """Replace unpaired surrogates, which UTF-8 cannot encode, by question marks."""
    return text.encode("utf-8", "replace").decode()


class Subwords:
    """Converts texts to sequences of sub-word ids.

    Frequent words are one sub-word, rare ones several. Every text can be encoded, because the bytes of UTF-8 are
    sub-words too: Sennrich et al., https://arxiv.org/abs/1508.07909, over bytes as in GPT-2. Texts are normalized by
    NFKC and lower-cased.

    Parameters
    ----------
    size
        Maximum number of sub-words, at least 256 for the bytes.
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
        """Return the sub-words, as data: the tokenizer's own JSON."""
        return {"size": self.size, "tokenizer": self.tokenizer.to_str()}

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Rebuild from `state`."""
        subwords = cls(scalar(state, "size", int))
        subwords.tokenizer = Tokenizer.from_str(scalar(state, "tokenizer", str))
        return subwords

    def __len__(self) -> int:
        """Return the number of learned sub-words, whose ids start at 1."""
        return self.tokenizer.get_vocab_size()

    def __call__(self, texts: Sequence[str], limit: int) -> Ragged:
        """Split texts into sub-words: int64 ids from 1 to ``len(self)``.

        Parameters
        ----------
        texts
            Any texts.
        limit
            Maximum length of a sequence. A longer text keeps its beginning and its end, half of the limit each.
        """
        ids = [np.array(sequence, dtype=np.int64) for sequence in self._split(texts, limit)]
        lengths = torch.tensor([len(sequence) for sequence in ids], dtype=torch.int64)
        values = torch.from_numpy(np.concatenate([np.empty(0, dtype=np.int64), *ids]) + 1)
        return Ragged(values, lengths.cumsum(0) - lengths, lengths)

    def _split(self, texts: Sequence[str], limit: int) -> Iterator[list[int]]:
        tail, rest = limit // 2, iter(texts)
        while chunk := [readable(text) for text in islice(rest, AT_ONCE)]:
            for encoding in self.tokenizer.encode_batch_fast(chunk):
                ids = encoding.ids
                yield ids if len(ids) <= limit else ids[: limit - tail] + ids[len(ids) - tail :]
