"""What an audit found, as values that JSON can hold."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from typetally.audit.coordinates import ScaleReport
from typetally.audit.lengths import LengthReport
from typetally.audit.problems import Kind

_KEYS_ADVICE = "docs/grammars.md lists the keys that count, --grammar takes a table of others"


@dataclass(frozen=True)
class Tokens:
    """Answers' tokens by type; ignore are those of answers with an id that the vocabulary lacks."""

    desc: int = 0
    coord: int = 0
    format: int = 0
    ignore: int = 0

    def __add__(self, other: Tokens) -> Tokens:
        return Tokens(*(mine + theirs for mine, theirs in zip(self.values, other.values, strict=True)))

    @property
    def values(self) -> tuple[int, int, int, int]:
        return self.desc, self.coord, self.format, self.ignore

    @property
    def typed(self) -> int:
        return self.desc + self.coord + self.format

    @property
    def total(self) -> int:
        return sum(self.values)


@dataclass(frozen=True)
class LabelReport:
    """A data set label: whether the filter admits it, and what its answers hold."""

    label: str
    counts: bool
    samples: int
    answers: int
    tokens: Tokens


@dataclass(frozen=True)
class Report:
    """lines: those with text; their numbers count blank ones too. tokens: of all answers; counted: of those whose label
    the filter admits. unmatched: entries of include that no label matches. grammars: answers by the grammar that was
    found. max_length: what `cut` was measured against."""

    lines: int
    samples: int
    answers: int
    formats: dict[str, int]
    grammars: dict[str, int]
    tokens: Tokens
    counted: Tokens
    labels: list[LabelReport]
    include: list[str]
    exclude: list[str]
    unmatched: list[str]
    bad_lines: list[Kind]
    not_parsed: list[Kind]
    not_understood: list[Kind]
    scales: list[ScaleReport]
    coordinates: list[Kind]
    max_length: int | None
    cut: list[Kind]
    answer_lengths: LengthReport | None
    sample_lengths: LengthReport | None

    @property
    def typed_share(self) -> float:
        """The share of all answers' tokens that get a type: those of labels that the filter admits."""
        return self.counted.typed / self.tokens.total if self.tokens.total else 0.0

    @property
    def has_findings(self) -> bool:
        """Whether anything is to be looked at; data without an answer is."""
        found = [self.bad_lines, self.not_parsed, self.not_understood, self.coordinates, self.cut, self.unmatched]
        return any(found) or not self.answers or not self.counted.typed

    def to_json(self) -> dict[str, Any]:
        return {**dataclasses.asdict(self), "typed_share": self.typed_share, "has_findings": self.has_findings}


def total(kinds: list[Kind]) -> int:
    """How often any of the kinds was found."""
    return sum(kind.count for kind in kinds)


def problem_lists(report: Report) -> list[tuple[str, list[Kind]]]:
    """What may be wrong, each with its title."""
    return [
        ("lines that cannot be read", report.bad_lines),
        ("answers that do not parse", report.not_parsed),
        (f"answers without coordinate or description; {_KEYS_ADVICE}", report.not_understood),
        ("coordinates that cannot be", report.coordinates),
        (f"answers cut at {report.max_length} tokens", report.cut),
    ]


def length_text(lengths: LengthReport) -> str:
    """The quantiles of lengths in a line."""
    return (
        f"{lengths.min:,} to {lengths.max:,}, mean {lengths.mean:,.1f}, "
        f"half up to {lengths.p50:,}, 90 % up to {lengths.p90:,}, 99 % up to {lengths.p99:,}"
    )


def counts_text(counts: dict[str, int]) -> str:
    """Names with how often they were found."""
    return ", ".join(f"{name} {count:,}" for name, count in counts.items()) or "none"
