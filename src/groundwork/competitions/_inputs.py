"""Which prepared columns a network reads."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Pair:
    """Columns of a query and of a document that may match it.

    Attributes
    ----------
    query
        Column of the query's text.
    document
        Column of the document's id; rows with the same id have the same fields.
    fields
        Text columns of the document; the first one is its title.
    """

    query: str
    document: str
    fields: tuple[str, ...]


@dataclass(frozen=True)
class Inputs:
    """The prepared columns that a network reads, by how they are encoded.

    Attributes
    ----------
    numeric
        Numbers; values may be missing.
    categorical
        Text labels; a missing value is a label of its own.
    group
        Keys shared by few rows (a ticket, a family), encoded by group size and the mean target of the other rows.
    image
        Height and width of an image whose pixels (0 to 255) are all the feature columns, row by row.
    text
        A text column.
    pair
        A query and a document.
    """

    numeric: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    group: tuple[str, ...] = ()
    image: tuple[int, int] | None = None
    text: str | None = None
    pair: Pair | None = None

    @property
    def encodings(self) -> list[str]:
        """Return the matching values of ``encoding.inputs`` in params.yaml; several if no encoding reads them all."""
        table = (*self.numeric, *self.categorical, *self.group)
        named = {"image": self.image, "text": self.text, "pair": self.pair, "table": table}
        given = [name for name, columns in named.items() if columns] or ["table"]
        return ["table+text"] if given == ["text", "table"] else given

    @property
    def labels(self) -> tuple[str, ...]:
        """Return the columns that contain text."""
        pair = (self.pair.query, self.pair.document, *self.pair.fields) if self.pair else ()
        return (*self.categorical, *self.group, *((self.text,) if self.text else ()), *pair)
