"""Searches a catalogue for the products that match a query, and prints them with the matching words."""

import html
import io
import sys
import time
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from groundwork.competitions import Competition, Pair
from groundwork.data.prepared import Prepared
from groundwork.data.rows import PreparedRows
from groundwork.encoders.language.matching import Text
from groundwork.encoders.language.subwords import readable
from groundwork.encoders.language.words import STOP, UNITS, stem, words
from groundwork.encoders.pair import PairEncoder
from groundwork.errors import UserError
from groundwork.models.two_tower import TwoTower
from groundwork.training.batches import pieces
from groundwork.training.checkpoint import TrainedFold, fold_file
from groundwork.training.inference import predict

# Weight of the towers' cosine relative to BM25, whose maximum is 1.
COSINE_WEIGHT = 0.5
# Up to this number of products, a matrix product finds the nearest ones; above, faiss does.
EXACT = 1_000_000
AT_ONCE = 2048


@dataclass(frozen=True)
class Hit:
    """One result of a search.

    Attributes
    ----------
    row
        Row number of the product in the catalogue.
    score
        BM25 as a share of the best product's, plus the weighted cosine of the towers.
    relevance
        The network's prediction, in the units of the competition.
    matched
        Words of the query that the product contains, as typed and as written there.
    """

    row: int
    score: float
    relevance: float
    matched: tuple[str, ...]


class Catalogue:
    """An index of products for searching.

    Parameters
    ----------
    trained
        A fold of a two-tower network, whose encoder reads the products.
    products
        One row for each product, with the columns of the encoder's `pair`.
    exact
        Maximum number of products for which a matrix product finds the nearest ones.
    on_progress
        Called after each batch with the number of products read.
    """

    def __init__(
        self, trained: TrainedFold, products: pd.DataFrame, exact: int = EXACT, on_progress: Any = lambda _: None
    ) -> None:
        from scipy import sparse

        network, encoder = two_towers(trained)
        self.network, self.encoder, self.objective = network, copy(encoder), trained.objective
        # Queries are corrected to the spelling of these products, not of the training rows only.
        self.encoder.speller = self.encoder.spelling(products)
        self.pair: Pair = self.encoder.pair
        self.products = products.reset_index(drop=True)
        weights, vectors = [], []
        for start in range(0, len(products), AT_ONCE):
            batch = self.products.iloc[start : start + AT_ONCE]
            weights.append(self.encoder.lexical_weights(batch))
            vectors.append(self._embed_documents(self.encoder.texts(batch)))
            on_progress(start + len(batch))
        # Indexed by word: a query reads only the rows of its own words.
        self.weights = sparse.vstack(weights).T.tocsr()
        self.vectors = np.concatenate(vectors)
        self.index = _faiss(self.vectors) if len(products) > exact else None

    def find(self, query: str, top: int) -> list[Hit]:
        """Return the `top` products for a query, best first; none if no product contains any of its words.

        The result is exact: each of the best products contains a word of the query or is among the nearest.
        """
        lexical = (self.encoder.mark_words([query]) @ self.weights).tocsr()
        if not lexical.nnz:
            return []
        vector = self.embed_query(query)
        candidates = np.union1d(lexical.indices, self._nearest(vector, top))
        score = COSINE_WEIGHT * (self.vectors[candidates] @ vector)
        score[np.searchsorted(candidates, lexical.indices)] += lexical.data / lexical.data.max()
        best = np.argsort(-score, kind="stable")[:top]
        shown = self.products.iloc[candidates[best]].assign(**{self.pair.query: query})
        relevance = predict(self.network, self.objective, self.encoder.transform(shown), torch.device("cpu"))
        return [
            Hit(int(row), float(total), float(prediction), self._matched(query, row))
            for row, total, prediction in zip(candidates[best], score[best], relevance, strict=True)
        ]

    def embed_query(self, query: str) -> NDArray[np.float32]:
        """Return the query tower's vector, ``[width]``."""
        tokens = self.encoder.subwords([self.encoder.query_text(query)], self.encoder.query_length)
        with torch.inference_mode():
            return self.network.embed_query(tokens[:]).numpy()[0]

    def _embed_documents(self, texts: list[str]) -> NDArray[np.float32]:
        tokens = {"document": self.encoder.subwords(texts, self.encoder.document_length)}
        vectors = np.empty((len(texts), self.encoder.width), dtype=np.float32)
        with torch.inference_mode():
            for which, piece in pieces(tokens):
                vectors[which.numpy()] = self.network.embed_document(piece["document"]).numpy()
        return vectors

    def _nearest(self, vector: NDArray[np.float32], top: int) -> NDArray[np.int64]:
        """Return the rows of the `top` products nearest to `vector`."""
        top = min(top, len(self.vectors))
        if self.index is not None:
            rows: NDArray[np.int64] = self.index.search(vector[None], top)[1][0]
            return rows
        return torch.from_numpy(self.vectors @ vector).topk(top).indices.numpy()

    def _matched(self, query: str, row: int) -> tuple[str, ...]:
        """Return the words of `query` that a product contains, as "typed → written" if they differ."""
        product = self.products.iloc[row]
        product_words = words(" ".join(product[name] for name in self.pair.fields))
        by_stem = {stem(word): word for word in reversed(product_words)} | {word: word for word in product_words}
        measures, query_words = set(Text(product_words).measures), words(query)
        matches: dict[str, None] = {}
        for typed, after in zip(query_words, (*query_words, "")[1:], strict=True):
            for corrected in self.encoder.speller.correct(typed):
                if (typed, after) in measures and after:
                    matches[f"{typed} {after}"] = None
                elif (
                    corrected not in STOP
                    and corrected not in UNITS
                    and (word := by_stem.get(corrected) or by_stem.get(stem(corrected)))
                ):
                    matches[word if word == typed else f"{typed} → {word}"] = None
        return tuple(matches)


def search(
    lane_name: str, competition: Competition, prepared: Prepared, results: Path, query: str | None, top: int
) -> None:
    """Print the products that match `query`, or each line of the standard input if `query` is None.

    Only one fold's network is used: vectors of different folds cannot be compared, and five folds would take five
    times as long.

    Parameters
    ----------
    lane_name
        The lane's key in params.yaml, for messages.
    results
        The lane's folder of results, which contains the checkpoints.
    top
        Number of products to print.

    Raises
    ------
    UserError
        If the lane is not of kind search or has not been trained.
    """
    from rich.console import Console
    from rich.progress import Progress

    # Pairs may belong to any kind of problem; only a catalogue that two towers have read can be searched.
    if competition.encoding != "pair" or not isinstance(prepared, PreparedRows):
        raise UserError(
            f"{lane_name}: {competition.slug} is of kind {competition.kind}; expected search",
            "name a lane of that kind, such as product-search",
        )
    trained = TrainedFold.load(results / "checkpoints" / fold_file(prepared.folds[0]))
    products = two_towers(trained)[1].documents(pd.concat([prepared.train, prepared.test]))[1]
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(f"Reading {len(products):,} products", total=len(products))
        catalogue = Catalogue(trained, products, on_progress=lambda done: progress.update(task, completed=done))
    console = Console(highlight=False)
    for typed in _lines(console) if query is None else [query]:
        line, start = readable(typed), time.perf_counter()
        hits = catalogue.find(line, top)
        seconds = time.perf_counter() - start
        console.print(f"\n{line}", style="bold", markup=False)
        if hits:
            console.print(_table(catalogue, hits))
            summary = f"the best {len(hits)} of {len(products):,} products"
        else:
            summary = "no product contains any of these words or a similar spelling"
        console.print(f" {summary} · {seconds:.2f} s", style="dim", markup=False)


def two_towers(trained: TrainedFold) -> tuple[TwoTower, PairEncoder]:
    """Return the network and the encoder of a fold; raise `UserError` if it has no towers to search with."""
    network, encoder = trained.network, trained.encoder
    if not (isinstance(network, TwoTower) and isinstance(encoder, PairEncoder)):
        raise UserError(
            f"the trained network is a {type(network).__name__}; expected two towers",
            "train the lane with `model.network: two_tower`",
        )
    return network, encoder


def _lines(console: Any) -> Iterator[str]:
    """Yield queries until the input ends; prompt for them on a terminal."""
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")  # the input may contain bytes that are not text
    while True:
        if sys.stdin.isatty():
            console.print("\nquery (Ctrl-D ends): ", end="")
        line = sys.stdin.readline()
        if not line:
            return
        if line.strip():
            yield line.strip()


def _table(catalogue: Catalogue, hits: list[Hit]) -> object:
    from rich import box
    from rich.table import Table
    from rich.text import Text as Plain

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=True, show_edge=False)
    for title in ("#", "product", "title", "score", "relevance", "matched"):
        table.add_column(title, justify="right" if title in ("#", "score", "relevance") else "left", overflow="fold")
    for rank, hit in enumerate(hits, start=1):
        product = catalogue.products.iloc[hit.row]
        identifier = Plain(product[catalogue.pair.document])
        title_text = Plain(html.unescape(product[catalogue.pair.fields[0]]))
        matched = Plain(", ".join(hit.matched) or "similar meaning")
        table.add_row(str(rank), identifier, title_text, f"{hit.score:.2f}", f"{hit.relevance:.2f}", matched)
    return table


def _faiss(vectors: NDArray[np.float32]) -> Any:
    """Index vectors for exact inner products by https://github.com/facebookresearch/faiss."""
    try:
        import faiss
    except ImportError:
        raise UserError(
            f"{len(vectors):,} products are too many for a matrix product; expected faiss",
            "install it: `pip install -c requirements.lock faiss-cpu`",
        ) from None
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    return index
