"""Types a collated batch from its own labels, where the samples had none before they were collated."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from typetally.base.token_type import IGNORE, IGNORE_INDEX
from typetally.collator.notes import SampleNote
from typetally.collator.placement import Int8s, Int64s
from typetally.collator.sample_types import SampleTyper

Span = tuple[int, int]


def type_batch(
    typer: SampleTyper,
    labels: Int64s,
    cu_seqlens: npt.NDArray[np.int32],
    notes: Sequence[SampleNote],
    items: Sequence[int],
) -> tuple[Int8s, list[int]]:
    """Types [B, T] of `labels` [B, T], whose documents begin at `cu_seqlens` (flattened). `notes` (one per sample, of
    which items[i] make up data set item i) say what the filter leaves out and are told what became of each sample.
    Also returns where each item ends in the flattened batch; empty if the batch does not tell."""
    flat = labels.reshape(-1)
    types = np.full(len(flat), IGNORE, dtype=np.int8)
    spans = supervised_spans(flat, cu_seqlens)
    owners = _owners(spans, notes, items, labels.shape)
    if owners is None:
        for note in notes:
            note.reason = note.reason or "length_mismatch"
        return types.reshape(labels.shape), []
    outcomes: list[list[SampleNote]] = [[] for _ in notes]
    for (begin, end), mine in zip(spans, owners, strict=True):
        admitted = [owner for owner in mine if notes[owner].reason is None]
        if len(admitted) < len(mine) or not mine:
            continue
        types[begin:end], outcome = typer.type_labels(flat[begin:end])
        for k, owner in enumerate(admitted):
            outcomes[owner].append(outcome if k == 0 else SampleNote(outcome.reason))
    for note, seen in zip(notes, outcomes, strict=True):
        _conclude(note, seen)
    return types.reshape(labels.shape), _item_ends(spans, owners, notes, items, labels.shape)


def is_packed(labels: Int64s, cu_seqlens: npt.NDArray[np.int32] | None) -> bool:
    """Whether some row of `labels` [B, T] holds two documents or more that have supervised tokens."""
    if cu_seqlens is None or len(cu_seqlens) - 1 <= len(labels):
        return False
    rows = [begin // labels.shape[1] for begin, _ in supervised_spans(labels.reshape(-1), cu_seqlens)]
    return len(set(rows)) < len(rows)


def supervised_spans(flat: Int64s, cu_seqlens: npt.NDArray[np.int32]) -> list[Span]:
    """The documents of flattened labels [n] that have supervised tokens, as [begin, end)."""
    bounds = [int(bound) for bound in cu_seqlens]
    return [(begin, end) for begin, end in pairwise(bounds) if (flat[begin:end] != IGNORE_INDEX).any()]


def _owners(
    spans: Sequence[Span], notes: Sequence[SampleNote], items: Sequence[int], shape: tuple[int, ...]
) -> list[list[int]] | None:
    """The samples that each span may hold: one, or several that the filter treats alike; None if they cannot be told
    apart though it treats them differently."""
    first = np.concatenate([[0], np.cumsum(items)]).tolist()
    if shape[0] == len(items):  # a row is an item
        rows = [begin // shape[1] for begin, _ in spans]
        groups = [list(range(first[row], first[row + 1])) for row in rows]
        for row in range(shape[0]):
            mine = [k for k, at in enumerate(rows) if at == row]
            if len(mine) == items[row]:
                for k, owner in zip(mine, range(first[row], first[row + 1]), strict=True):
                    groups[k] = [owner]
    elif len(spans) == len(notes):
        groups = [[k] for k in range(len(spans))]
    else:
        groups = [list(range(len(notes))) for _ in spans]
    mixed = any(len({notes[owner].reason for owner in group}) > 1 for group in groups)
    return None if mixed else groups


def _conclude(note: SampleNote, outcomes: Sequence[SampleNote]) -> None:
    if note.reason is not None:
        return
    note.unparsed_bytes = sum(outcome.unparsed_bytes for outcome in outcomes)
    typed = any(outcome.reason is None for outcome in outcomes)
    note.reason = None if typed else outcomes[0].reason if outcomes else "unsupervised"


def _item_ends(
    spans: Sequence[Span],
    owners: Sequence[Sequence[int]],
    notes: Sequence[SampleNote],
    items: Sequence[int],
    shape: tuple[int, ...],
) -> list[int]:
    if shape[0] == len(items):
        return [(row + 1) * shape[1] for row in range(shape[0])]
    if len(spans) != len(notes) or any(len(group) != 1 for group in owners):
        return []
    last = np.cumsum(items) - 1
    return [spans[k][1] for k in last]
