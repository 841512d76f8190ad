"""A data collator that adds token types to what another one makes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from typetally.base.tensors import integers, like, to_host
from typetally.base.token_type import IGNORE
from typetally.batch.boundaries import document_boundaries
from typetally.collator.batch_route import is_packed, type_batch
from typetally.collator.filter_watch import FilterWatch
from typetally.collator.notes import NOTES_KEY, BatchNotes, SampleNote
from typetally.collator.placement import Bools, Int8s, Int64s, TypedDocument, place_either
from typetally.collator.sample_types import Route, SampleTyper

if TYPE_CHECKING:
    from typetally.base.config import TokenTypeMetricsConfig
    from typetally.typing.typer import TokenTyper

logger = logging.getLogger(__name__)

Typed = list[tuple[TypedDocument, SampleNote]]


class TokenTypeCollator:
    """Calls `base_collator(samples)` and adds `token_types` to the batch: int8, shaped, placed and of the same kind as
    its `labels`; IGNORE (-1) where a label is ignored, where the attention mask is 0, and for samples that cannot be
    typed, that `config` leaves out, or whose row is not what its samples add up to (counted, and logged at DEBUG).

    Samples are mappings with `labels`; an item that is a list of mappings is a pack of them. Types are computed sample
    by sample before collation and placed where the base collator placed the labels: padded on either side, packed in
    one row or in several. Samples without `labels` are typed from the batch's own labels, with the boundaries that the
    batch states. Samples are not changed. A sample's own `token_types` are used as they are, and so are a batch's.

    route: "text" types what the labels decode to; "payload" aligns them with sample[payload_key] (else in its
    metadata), serialised and followed by `suffix`, the template's. Works in loader processes: picklable.
    """

    def __init__(
        self,
        base_collator: Callable[[list[Any]], Any],
        typer: TokenTyper,
        config: TokenTypeMetricsConfig,
        route: Route = "text",
        payload_key: str = "assistant_payload",
        suffix: str | Sequence[str] | None = "",
    ) -> None:
        if not callable(base_collator):
            raise TypeError(
                f"[TokenTypeCollator] expected a callable base_collator, got {type(base_collator).__name__}"
            )
        if route not in ("text", "payload"):
            raise ValueError(f"[TokenTypeCollator] expected route 'text' or 'payload', got {route!r}")
        self.base_collator = base_collator
        self.typer = typer
        self.config = config
        self.payload_key = payload_key
        self.carry_notes = False  # a trainer's handle turns this on: batches then carry BatchNotes under NOTES_KEY
        self.types_in_notes = False  # where there are notes, types go there, and the batch itself has none
        self.hidden_columns: frozenset[str] = frozenset()  # kept from the base collator, which never asked for them
        self._samples = SampleTyper(typer, config, route, payload_key, suffix)
        self._watch = FilterWatch(config)

    def __getattr__(self, name: str) -> Any:
        # Trainers look for a collator's own attributes (`tokenizer`, `pad_to_multiple_of`). Copying and unpickling ask
        # before there is a base collator.
        if name.startswith("__") or "base_collator" not in vars(self):
            raise AttributeError(name)
        return getattr(self.base_collator, name)

    def __call__(self, samples: Sequence[Any]) -> Any:
        if not self.config.enabled:
            return self.base_collator(list(samples))
        items = [_documents(sample) for sample in samples]
        documents = [document for item in items for document in item]
        typed = self._type_documents(documents)
        batch = self.base_collator([self._visible(sample) for sample in samples])
        if not isinstance(batch, MutableMapping) or batch.get("labels") is None:
            return batch
        notes = BatchNotes(items=[len(item) for item in items])
        try:
            types = self._types(batch, documents, typed, notes)
        except Exception:
            self._samples.log_failure()
            notes.samples = [SampleNote("error") for _ in documents]
            types = np.full(np.shape(batch["labels"]), IGNORE, dtype=np.int8)
        given = batch.get("token_types")
        if given is None or np.shape(given) != types.shape:
            batch.pop("token_types", None)
            if self.carry_notes and self.types_in_notes:
                notes.types = types
            else:
                batch["token_types"] = like(batch["labels"], types)
        if self.carry_notes:
            batch[NOTES_KEY] = notes
        elif _is_first_process():
            self._watch.see(notes)
        return batch

    def _type_documents(self, documents: Sequence[Any]) -> Typed | None:
        """None where the batch has to be typed instead: some document has no labels yet, or none that can be read."""
        if not all(isinstance(document, Mapping) and document.get("labels") is not None for document in documents):
            return None
        try:
            return [self._samples.type_sample(document) for document in documents]
        except Exception:
            self._samples.log_failure()
            return None

    def _visible(self, sample: Any) -> Any:
        if _is_pack(sample):
            return [self._visible(part) for part in sample] if self.hidden_columns else sample
        if not self.hidden_columns or not isinstance(sample, Mapping):
            return sample
        return {key: value for key, value in sample.items() if key not in self.hidden_columns}

    def _types(
        self, batch: Mapping[str, Any], documents: Sequence[Any], typed: Typed | None, notes: BatchNotes
    ) -> Int8s:
        labels = integers(batch["labels"], "TokenTypeCollator", "labels")
        rows = np.atleast_2d(labels)
        mask = _padding_mask(batch, rows.shape)
        if self.carry_notes or typed is None:
            notes.supervised = int(np.count_nonzero(rows >= 0))
            _read_boundaries(batch, notes)
        types = self._type_batch(rows, mask, documents, notes) if typed is None else _place(rows, mask, typed, notes)
        notes.packed = len(documents) > len(rows) or is_packed(rows, notes.cu_seqlens)
        return types.reshape(labels.shape)

    def _type_batch(self, labels: Int64s, mask: Bools | None, documents: Sequence[Any], notes: BatchNotes) -> Int8s:
        notes.samples = [self._samples.note(document) for document in documents]
        if notes.cu_seqlens is None:
            for note in notes.samples:
                note.reason = note.reason or "boundaries"
            return np.full(labels.shape, IGNORE, dtype=np.int8)
        types, notes.item_ends = type_batch(self._samples, labels, notes.cu_seqlens, notes.samples, notes.items)
        if mask is not None:
            types[~mask] = IGNORE
        return types


def _documents(sample: Any) -> list[Any]:
    """The documents of one data set item: its parts where it is a pack, or what TRL has packed into one row, whose
    lengths stand in `seq_lengths`."""
    if _is_pack(sample):
        return list(sample)
    if not isinstance(sample, Mapping) or sample.get("seq_lengths") is None or sample.get("labels") is None:
        return [sample]
    ends = np.cumsum(sample["seq_lengths"]).tolist()
    per_token = [key for key in ("labels", "token_types", "attention_mask") if sample.get(key) is not None]
    if not ends or any(len(sample[key]) != ends[-1] for key in per_token):
        return [sample]
    spans = pairwise([0, *ends])
    return [{**sample, **{key: sample[key][begin:end] for key in per_token}} for begin, end in spans]


def _is_pack(sample: Any) -> bool:
    return isinstance(sample, list | tuple) and all(isinstance(part, Mapping) for part in sample)


def _place(labels: Int64s, mask: Bools | None, typed: Typed, notes: BatchNotes) -> Int8s:
    notes.samples = [note for _, note in typed]
    placement = place_either(labels, mask, [document for document, _ in typed], notes.items)
    notes.item_ends = [placement.ends[count - 1] for count in accumulate(notes.items)]
    for matched, note in zip(placement.matched, notes.samples, strict=True):
        if not matched:
            note.reason = note.reason or "length_mismatch"
    for row in sorted({row for row, matched in zip(placement.rows, placement.matched, strict=True) if not matched}):
        lengths = [len(d.labels) for (d, _), at in zip(typed, placement.rows, strict=True) if at == row]
        logger.debug(
            "[token types] length mismatch: row %d of labels %s is not its samples of %s labels; it is ignored",
            row,
            labels.shape,
            lengths,
        )
    return placement.types


def _padding_mask(batch: Mapping[str, Any], shape: tuple[int, ...]) -> Bools | None:
    """True where the attention mask is not 0; None without a mask that is shaped like the labels."""
    mask = batch.get("attention_mask")
    if mask is None or isinstance(mask, Mapping):
        return None
    host = np.atleast_2d(to_host(mask, "TokenTypeCollator", "attention_mask"))
    return np.not_equal(host, 0) if host.shape == shape else None


def _read_boundaries(batch: Mapping[str, Any], notes: BatchNotes) -> None:
    try:
        notes.cu_seqlens = document_boundaries(batch)
    except ValueError as error:
        notes.problem = str(error)


def _is_first_process() -> bool:
    """Loader processes beyond the first say nothing: each sees the same kind of samples."""
    import sys

    if "torch" not in sys.modules:
        return True
    from torch.utils.data import get_worker_info

    worker = get_worker_info()
    return worker is None or worker.id == 0
