"""Defines the sections `encoding`: how a competition's columns become tensors."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from groundwork.sections.base import Count, Fraction, NotNegative, Positive, Settings


class Encoding(Settings):
    """How columns become tensors. `gives` names the tensors; a test compares it with the encoder's output."""

    gives: ClassVar[tuple[str, ...]]


class TableEncoding(Encoding):
    """How a table's columns become tensors; see `groundwork.encoders.table.TableEncoder`."""

    gives = ("numeric", "categorical")

    inputs: Literal["table"]
    clip: Annotated[float, Field(ge=0, lt=0.5)]
    min_category_count: Count
    group_smoothing: Positive


class ImageEncoding(Encoding):
    """How images are augmented in training; see `groundwork.encoders.augment.affine`."""

    gives = ("image",)

    inputs: Literal["image"]
    degrees: Annotated[float, Field(ge=0, le=180)]
    scale: Fraction
    shear: Fraction
    shift: NotNegative


class HistoryEncoding(Encoding):
    """How purchases become histories; see `groundwork.encoders.history.HistoryEncoder`."""

    gives = ("history", "span")

    inputs: Literal["history"]
    length: Count
    spans: Count | None


class TextEncoding(Encoding):
    """How texts become sub-words and TF-IDF terms; see `groundwork.encoders.text.TextEncoder`."""

    gives = ("tokens", "terms", "weights")

    inputs: Literal["text"]
    subwords: Annotated[int, Field(ge=256)]
    length: Count
    words: Count
    ngrams: Count


class PairEncoding(Encoding):
    """How a query and a document become lexical signals and sub-words; see `groundwork.encoders.pair.PairEncoder`."""

    gives = ("query", "document", "signals")

    inputs: Literal["pair"]
    vocabulary: Annotated[int, Field(ge=256)]
    query_length: Count
    document_length: Count
    width: Count


class TableTextEncoding(Encoding):
    """How a table and a text become tensors; see `groundwork.encoders.table_text.TableTextEncoder`."""

    gives = (*TableEncoding.gives, *TextEncoding.gives)

    inputs: Literal["table+text"]
    table: TableEncoding
    text: TextEncoding


EncodingSettings = TableEncoding | ImageEncoding | HistoryEncoding | TextEncoding | PairEncoding | TableTextEncoding
