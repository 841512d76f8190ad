"""Finds where a base collator put its samples, so that types computed before collation land on the right labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate

import numpy as np
import numpy.typing as npt

from typetally.base.token_type import IGNORE, IGNORE_INDEX

Int64s = npt.NDArray[np.int64]
Int8s = npt.NDArray[np.int8]
Bools = npt.NDArray[np.bool_]


@dataclass
class TypedDocument:
    """One sample before collation: its labels [n] and their types [n]."""

    labels: Int64s
    types: Int8s
    mask: Bools | None = None  # [n], the sample's own attention mask where it hides something

    def visible(self) -> TypedDocument:
        """Without what the mask hides: packers leave that out."""
        return self if self.mask is None else TypedDocument(self.labels[self.mask], self.types[self.mask])


@dataclass
class Placement:
    """Types [B, T], and for each document its row, where it ends in the flattened batch, and whether its row was what
    its documents add up to (otherwise the row is IGNORE)."""

    types: Int8s
    rows: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    matched: list[bool] = field(default_factory=list)


def place_either(
    labels: Int64s, mask: Bools | None, documents: Sequence[TypedDocument], items: Sequence[int]
) -> Placement:
    """`place`, of whole documents or else of what their own masks leave visible."""
    placement = place(labels, mask, documents, items)
    if all(placement.matched) or all(document.mask is None for document in documents):
        return placement
    again = place(labels, mask, [document.visible() for document in documents], items)
    return again if sum(again.matched) > sum(placement.matched) else placement


def place(labels: Int64s, mask: Bools | None, documents: Sequence[TypedDocument], items: Sequence[int]) -> Placement:
    """Places `documents`, of which `items[i]` belong to data set item i, in `labels` [B, T]. A row holds one item
    (padding, or an item that is a pack), or everything, or as many documents in order as fit (a packing collator)."""
    columns = labels.shape[1]
    placement = Placement(np.full(labels.shape, IGNORE, dtype=np.int8))
    at = 0
    for row, count in enumerate(_documents_per_row(labels, mask, documents, items)):
        mine = documents[at : at + count]
        at += count
        begin = _place_row(labels[row], None if mask is None else mask[row], mine, placement.types[row])
        ends = accumulate(len(document.labels) for document in mine)
        placement.rows += [row] * count
        placement.ends += [row * columns + min((begin or 0) + end, columns) for end in ends]
        placement.matched += [begin is not None] * count
    placement.types[labels == IGNORE_INDEX] = IGNORE
    if mask is not None:
        placement.types[~mask] = IGNORE
    return placement


def _documents_per_row(
    labels: Int64s, mask: Bools | None, documents: Sequence[TypedDocument], items: Sequence[int]
) -> list[int]:
    rows, columns = labels.shape
    if rows == len(items):
        return list(items)
    if rows == 1:
        return [len(documents)]
    counts = [0] * rows
    row, used = 0, 0
    for document in documents:
        room = columns if mask is None else int(mask[row].sum())
        if used and used + len(document.labels) > room and row + 1 < rows:
            row, used = row + 1, 0
        counts[row] += 1
        used += len(document.labels)
    return counts


def _place_row(labels: Int64s, mask: Bools | None, documents: Sequence[TypedDocument], types: Int8s) -> int | None:
    """Writes the documents' types into `types` [T]. Returns where they begin, or None if the row is not theirs."""
    before = np.concatenate([np.empty(0, dtype=np.int64), *(document.labels for document in documents)])
    room = len(labels) - len(before)
    if room < 0:
        return None
    padded_left = mask is not None and not mask[:1].all()
    for begin in (room, 0) if padded_left else (0, room):
        if _fits(labels, before, begin):
            types[begin : begin + len(before)] = np.concatenate([types[:0], *(d.types for d in documents)])
            return begin
    return None


def _fits(labels: Int64s, before: Int64s, begin: int) -> bool:
    """Whether every label that is still supervised is the documents' own. Collators may take supervision away (a
    document's first label, padding), never add, change or move it."""
    own = np.full_like(labels, IGNORE_INDEX)
    own[begin : begin + len(before)] = before
    return not ((labels != own) & (labels != IGNORE_INDEX)).any()
