"""Types one raw sample, by the data set filter and the route a collator was built with."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from typetally.base.config import TokenTypeMetricsConfig
from typetally.base.tensors import integers
from typetally.base.token_type import IGNORE
from typetally.collator.notes import SampleNote
from typetally.collator.placement import Bools, Int8s, Int64s, TypedDocument
from typetally.typing.typer import TokenTyper

if TYPE_CHECKING:
    from typetally.typing.payload_route import Skipped

Route = Literal["text", "payload"]

logger = logging.getLogger(__name__)


class SampleTyper:
    """Immutable but for one flag (the first trace was logged), and picklable."""

    def __init__(
        self,
        typer: TokenTyper,
        config: TokenTypeMetricsConfig,
        route: Route,
        payload_key: str,
        suffix: str | Sequence[str] | None,
    ) -> None:
        for name, value, kind in (("typer", typer, TokenTyper), ("config", config, TokenTypeMetricsConfig)):
            if not isinstance(value, kind):
                raise TypeError(f"[token types] expected {name} as a {kind.__name__}, got {type(value).__name__}")
        self.typer = typer
        self.config = config
        self.route = route
        self.payload_key = payload_key
        self.suffix = suffix
        self._failed_before = False

    def note(self, sample: Any) -> SampleNote:
        """The sample's data set label and whether the filter leaves it out."""
        label = self.config.sample_label(sample if isinstance(sample, Mapping) else {})
        return SampleNote(None if self.config.admits(label) else "excluded", dataset_label=label)

    def type_sample(self, sample: Mapping[str, Any]) -> tuple[TypedDocument, SampleNote]:
        """Types of the sample's `labels` [n]: its own `token_types` where it has them, else by the route. A sample that
        cannot be typed is IGNORE throughout and its note says why."""
        labels = to_int64(sample["labels"])
        note = self.note(sample)
        types = None if note.reason else self._guarded(lambda: self._types(sample, labels, note), note)
        mask = _own_mask(sample, labels)
        if types is not None and mask is not None:
            types = np.where(mask, types, IGNORE).astype(np.int8)
        return TypedDocument(labels, _ignored(labels) if types is None else types, mask), note

    def type_labels(self, labels: Int64s) -> tuple[Int8s, SampleNote]:
        """Text route over one document's labels [n], whatever this typer's route; the filter is the caller's."""
        note = SampleNote()
        types = self._guarded(lambda: self._types_of_labels(labels, note), note)
        return _ignored(labels) if types is None else types, note

    def log_failure(self) -> None:
        """Call in an `except` block. Logs the trace of the first failure; later ones are only counted."""
        level = logging.DEBUG if self._failed_before else logging.ERROR
        self._failed_before = True
        logger.log(level, "[token types] typing failed; the samples are ignored and counted", exc_info=True)

    def _guarded(self, typing: Callable[[], Int8s | None], note: SampleNote) -> Int8s | None:
        try:
            return typing()
        except Exception:
            note.reason = "error"
            self.log_failure()
            return None

    def _types(self, sample: Mapping[str, Any], labels: Int64s, note: SampleNote) -> Int8s | None:
        given = sample.get("token_types")
        if given is not None:
            types = to_int64(given).astype(np.int8)
            note.reason = None if len(types) == len(labels) else "length_mismatch"
            return None if note.reason else types
        if self.route == "text":
            return self._types_of_labels(labels, note)
        return self._types_of_payload(sample, labels, note)

    def _types_of_labels(self, labels: Int64s, note: SampleNote) -> Int8s | None:
        report = self.typer.type_labels_with_report(labels)
        note.unparsed_bytes = report.unparsed_bytes
        if report.skipped:
            note.reason = self._reason(report.skipped[0])
        elif not report.supervised_tokens:
            note.reason = "unsupervised"
        return None if note.reason else np.asarray(report.types, dtype=np.int8)

    def _types_of_payload(self, sample: Mapping[str, Any], labels: Int64s, note: SampleNote) -> Int8s | None:
        payload = find_payload(sample, self.payload_key)
        if payload is None:
            note.reason = "no_payload"
            return None
        typed = self.typer.type_payload(payload, labels, suffix=self.suffix)
        note.reason = None if typed.skipped is None else self._reason(typed.skipped)
        return None if note.reason else np.asarray(typed.types, dtype=np.int8)

    @staticmethod
    def _reason(skipped: Skipped) -> str:
        logger.debug("[token types] a sample is ignored: %s", skipped)
        return "unknown_id" if skipped.code == "unknown-token" else "misaligned"


def find_payload(sample: Mapping[str, Any], key: str) -> Any:
    """The answer as an object: the sample's own, else its metadata's."""
    payload = sample.get(key)
    metadata = sample.get("metadata")
    if payload is None and isinstance(metadata, Mapping):
        return metadata.get(key)
    return payload


def to_int64(values: Any) -> Int64s:
    """A sample's values as int64 [n] on the host, from a list or a tensor of any int dtype, with or without a leading
    dimension of 1."""
    array = integers(values, "token types", "a sample's labels and types")
    if array.ndim == 2 and array.shape[0] == 1:
        array = array[0]
    if array.ndim != 1:
        raise ValueError(f"[token types] expected one dimension, got shape {array.shape}")
    return array


def _own_mask(sample: Mapping[str, Any], labels: Int64s) -> Bools | None:
    """None where the sample's attention mask hides nothing."""
    mask = sample.get("attention_mask")
    if mask is None:
        return None
    visible: Bools = np.not_equal(to_int64(mask), 0)
    return visible if len(visible) == len(labels) and not visible.all() else None


def _ignored(labels: Int64s) -> Int8s:
    return np.full(len(labels), IGNORE, dtype=np.int8)
