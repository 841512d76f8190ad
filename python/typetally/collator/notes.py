"""What a collator knows about a batch and a trainer's hook needs: what became of each sample, and boundaries on the
host."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

NOTES_KEY = "typetally_notes"

# Why a sample has no types. The order is fixed: ranks exchange these counts as one vector, without names.
SKIP_REASONS = (
    "excluded",  # by the data set filter
    "no_payload",  # payload route: the sample carries none
    "misaligned",  # payload route: the supervised bytes are not the payload's
    "unknown_id",  # a label that the vocabulary lacks
    "unsupervised",  # every label is ignored: nothing to type
    "length_mismatch",  # the collated row is not what its samples add up to
    "boundaries",  # the batch's own statements of where documents begin disagree
    "error",  # typing raised; the log has the trace
)


@dataclass
class Coverage:
    """How many samples were seen and typed, and why the others were not. Adds up over batches and ranks."""

    samples: int = 0
    typed: int = 0
    unparsed_bytes: int = 0  # structure that the grammar could not place; typed FORMAT
    skipped: dict[str, int] = field(default_factory=dict)  # by reason; only those that happened

    @property
    def skipped_samples(self) -> int:
        return sum(self.skipped.values())

    def count(self, reason: str | None, unparsed_bytes: int = 0) -> None:
        """Counts one sample; `reason` is None for a typed one."""
        self.samples += 1
        if reason is None:
            self.typed += 1
            self.unparsed_bytes += unparsed_bytes
        else:
            self.skipped[reason] = self.skipped.get(reason, 0) + 1

    def add(self, other: Coverage) -> None:
        self.samples += other.samples
        self.typed += other.typed
        self.unparsed_bytes += other.unparsed_bytes
        for reason, samples in other.skipped.items():
            self.skipped[reason] = self.skipped.get(reason, 0) + samples

    def to_flat(self) -> npt.NDArray[np.float64]:
        """The counts [COVERAGE_SIZE] in a fixed order, for one reduction over ranks."""
        counts = [self.samples, self.typed, self.unparsed_bytes, *(self.skipped.get(r, 0) for r in SKIP_REASONS)]
        return np.asarray(counts, dtype=np.float64)

    @classmethod
    def from_flat(cls, flat: npt.NDArray[np.float64]) -> Coverage:
        samples, typed, unparsed, *skipped = (int(value) for value in flat)
        named = {reason: count for reason, count in zip(SKIP_REASONS, skipped, strict=True) if count}
        return cls(samples, typed, unparsed, named)

    def __str__(self) -> str:
        reasons = ", ".join(f"{self.skipped[r]} {r}" for r in SKIP_REASONS if self.skipped.get(r))
        line = f"{self.samples} samples seen, {self.typed} typed, {self.skipped_samples} skipped"
        return f"{line} ({reasons})" if reasons else line


COVERAGE_SIZE = 3 + len(SKIP_REASONS)


@dataclass
class SampleNote:
    """What became of one sample."""

    reason: str | None = None  # one of SKIP_REASONS; None: typed
    unparsed_bytes: int = 0
    dataset_label: str = ""


@dataclass
class BatchNotes:
    """Travels in the batch under NOTES_KEY, as its last entry, when a trainer is attached. A plain object: loaders pin,
    move and pickle it as it is, and no device has to be read to use it."""

    samples: list[SampleNote] = field(default_factory=list)
    items: list[int] = field(default_factory=list)  # how many of the samples each data set item holds
    item_ends: list[int] = field(default_factory=list)  # where it ends in the flattened batch; empty: unknown
    cu_seqlens: npt.NDArray[np.int32] | None = None  # over the flattened batch
    packed: bool = False  # some row holds several samples
    types: npt.NDArray[np.int8] | None = None  # shaped like the labels; None: the batch has them
    supervised: int | None = None  # labels that are not ignored; None: unknown
    problem: str | None = None  # why there are no cu_seqlens: the batch is to be left out

    def coverage(self, items: int | None = None) -> Coverage:
        """Of the first `items` data set items; of all by default."""
        count = len(self.samples) if items is None else sum(self.items[:items])
        coverage = Coverage()
        for sample in self.samples[:count]:
            coverage.count("boundaries" if self.problem else sample.reason, sample.unparsed_bytes)
        return coverage
