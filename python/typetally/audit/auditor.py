"""Audits samples one batch after the other; audits of parts of the data merge into that of the whole."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from typetally.audit.coordinates import Coordinates, groups
from typetally.audit.diagnosis import diagnose, diagnose_types
from typetally.audit.lengths import Lengths
from typetally.audit.problems import Problems
from typetally.audit.report import LabelReport, Report, Tokens
from typetally.base.config import TokenTypeMetricsConfig
from typetally.text.data_files import BadLine, Sample
from typetally.text.grammar import grammar_of
from typetally.text.text_encoder import TextEncoder
from typetally.typing.typer import TokenTyper

_BATCH = 256
_LABELS = 1000
_OTHER_LABELS = "(other labels)"
_REMEMBERED = 4096


@dataclass(frozen=True)
class Options:
    """config: which labels count. max_length: where the trainer cuts a sample, in tokens, or None. extra_tokens: what
    each sample has besides its texts, for the template and pictures."""

    config: TokenTypeMetricsConfig
    max_length: int | None = None
    extra_tokens: int = 0


@dataclass
class _Label:
    samples: int = 0
    answers: int = 0
    tokens: NDArray[np.int64] = field(default_factory=lambda: np.zeros(4, np.int64))
    """By type: ignore, desc, coord, format."""


@dataclass
class Counts:
    """What has been found so far. Its size does not grow with the data, but for kinds that are bounded."""

    lines: int = 0
    formats: Counter[str] = field(default_factory=Counter)
    grammars: Counter[str] = field(default_factory=Counter)
    labels: dict[str, _Label] = field(default_factory=dict)
    bad_lines: Problems = field(default_factory=Problems)
    unparsed: Problems = field(default_factory=Problems)
    untyped: Problems = field(default_factory=Problems)
    cut: Problems = field(default_factory=Problems)
    coordinates: Coordinates = field(default_factory=Coordinates)
    answer_lengths: Lengths = field(default_factory=Lengths)
    sample_lengths: Lengths = field(default_factory=Lengths)

    def label(self, name: str) -> _Label:
        if name not in self.labels and len(self.labels) >= _LABELS:
            name = _OTHER_LABELS
        return self.labels.setdefault(name, _Label())

    def merge(self, other: Counts) -> None:
        """Adds what was found in other lines of the same data."""
        self.lines += other.lines
        self.formats.update(other.formats)
        self.grammars.update(other.grammars)
        for name, theirs in other.labels.items():
            mine = self.label(name)
            mine.samples += theirs.samples
            mine.answers += theirs.answers
            mine.tokens += theirs.tokens
        self.bad_lines.merge(other.bad_lines)
        self.unparsed.merge(other.unparsed)
        self.untyped.merge(other.untyped)
        self.cut.merge(other.cut)
        self.coordinates.merge(other.coordinates)
        self.answer_lengths.merge(other.answer_lengths)
        self.sample_lengths.merge(other.sample_lengths)


@dataclass(frozen=True)
class _Encoded:
    samples: list[Sample]
    answers: list[str]
    ids: Future[list[list[int]]]


class Auditor:
    """Reads samples and counts what they teach by `typer`'s grammar and `encoder`'s tokens."""

    def __init__(self, encoder: TextEncoder, typer: TokenTyper, options: Options) -> None:
        self.counts = Counts()
        self._encoder = encoder
        self._typer = typer
        self._marker = typer._marker
        self._options = options
        self._prompts: OrderedDict[str, int] = OrderedDict()

    def read(self, lines: Iterable[Sample | BadLine]) -> None:
        """Adds all lines, some hundred at a time."""
        lines = iter(lines)
        waiting: _Encoded | None = None
        # Encoding, which holds no lock of Python's, goes on in another thread while what is encoded is looked at.
        with ThreadPoolExecutor(1) as pool:
            while batch := list(islice(lines, _BATCH)):
                samples = self._usable(batch)
                answers = [text for sample in samples for text in sample.answers]
                ahead = _Encoded(samples, answers, pool.submit(self._encoder.encode, answers))
                self._add(waiting)
                waiting = ahead
            self._add(waiting)

    def _usable(self, batch: Iterable[Sample | BadLine]) -> list[Sample]:
        samples = []
        for line in batch:
            self.counts.lines += 1
            if isinstance(line, BadLine):
                self.counts.bad_lines.add(line.kind, line.number, line.where.lstrip(": "))
            else:
                samples.append(line)
        return samples

    def report(self) -> Report:
        return report_of(self.counts, self._options)

    def _add(self, batch: _Encoded | None) -> None:
        if batch is None or not batch.samples:
            return
        samples, answers = batch.samples, batch.answers
        encoded = [np.asarray(ids, np.int64) for ids in batch.ids.result()]
        types = self._types(encoded)
        at = iter(range(len(answers)))
        for sample in samples:
            places = list(islice(at, len(sample.answers)))
            self._count(sample, [encoded[place] for place in places], [types[place] for place in places])
            for place in places:
                self._inspect(sample, answers[place])

    def _types(self, encoded: Sequence[NDArray[np.int64]]) -> list[NDArray[np.int64]]:
        """How many tokens of each answer have each type."""
        bounds = np.cumsum([0] + [ids.size for ids in encoded])
        types = np.asarray(self._typer.type_labels(np.concatenate(encoded), bounds))
        kinds = np.where(types < 0, 0, types).astype(np.int64)
        owner = np.repeat(np.arange(len(encoded)), np.diff(bounds))
        return list(np.bincount(owner * 4 + kinds, minlength=4 * len(encoded)).reshape(-1, 4))

    def _count(self, sample: Sample, encoded: Sequence[NDArray[np.int64]], types: Sequence[NDArray[np.int64]]) -> None:
        label = self.counts.label(sample.label)
        self.counts.formats[sample.format] += 1
        label.samples += 1
        label.answers += len(encoded)
        for one in types:
            label.tokens += one
        length = self._options.extra_tokens
        answers = iter(encoded)
        for turn in sample.turns:
            if not turn.is_answer:
                length += self._prompt_length(turn.text)
                continue
            begin = length
            length += (size := next(answers).size)
            self.counts.answer_lengths.counts[size] += 1
            self._check_length(sample.number, begin, length, turn.text)
        self.counts.sample_lengths.counts[length] += 1

    def _check_length(self, line: int, begin: int, end: int, text: str) -> None:
        limit = self._options.max_length
        if limit is None or end <= limit:
            return
        kind = "left out whole" if begin >= limit else "cut within the answer"
        self.counts.cut.add(kind, line, f"tokens {begin} to {end}: {text}")

    def _inspect(self, sample: Sample, answer: str) -> None:
        text = answer.encode()
        grammar, spans = grammar_of(self._marker, text), self._marker.spans(text)
        self.counts.grammars[grammar] += 1
        if problem := diagnose(text, grammar, spans, self._marker.unparsed(text)):
            self.counts.unparsed.add(problem, sample.number, answer)
        elif problem := diagnose_types(text, grammar, spans):
            self.counts.untyped.add(problem, sample.number, answer)
        label = sample.label if sample.label in self.counts.labels else _OTHER_LABELS
        self.counts.coordinates.add(list(groups(text, spans)), (label, grammar), sample.size, sample.number)

    def _prompt_length(self, text: str) -> int:
        """Prompts repeat: the lengths of the last ones are kept."""
        if text in self._prompts:
            self._prompts.move_to_end(text)
            return self._prompts[text]
        (ids,) = self._encoder.encode([text])
        if len(text) <= _REMEMBERED:
            self._prompts[text] = len(ids)
            if len(self._prompts) > _REMEMBERED:
                self._prompts.popitem(last=False)
        return len(ids)


def report_of(counts: Counts, options: Options) -> Report:
    """What counts, merged or not, say."""
    labels = list(_label_reports(counts, options.config))
    scales, wrong = counts.coordinates.report()
    names = set(counts.labels)
    return Report(
        lines=counts.lines,
        samples=counts.formats.total(),
        answers=counts.grammars.total(),
        formats=dict(counts.formats.most_common()),
        grammars=dict(counts.grammars.most_common()),
        tokens=sum((label.tokens for label in labels), Tokens()),
        counted=sum((label.tokens for label in labels if label.counts), Tokens()),
        labels=labels,
        include=list(options.config.include),
        exclude=list(options.config.exclude),
        unmatched=[entry for entry in options.config.include if entry != "*" and entry not in names],
        bad_lines=counts.bad_lines.report(),
        not_parsed=counts.unparsed.report(),
        not_understood=counts.untyped.report(),
        scales=scales,
        coordinates=wrong,
        max_length=options.max_length,
        cut=counts.cut.report(),
        answer_lengths=counts.answer_lengths.report(),
        sample_lengths=counts.sample_lengths.report(),
    )


def _label_reports(counts: Counts, config: TokenTypeMetricsConfig) -> Iterator[LabelReport]:
    for name, label in sorted(counts.labels.items(), key=lambda item: (-item[1].answers, item[0])):
        ignore, desc, coord, format = label.tokens.tolist()
        yield LabelReport(name, config.admits(name), label.samples, label.answers, Tokens(desc, coord, format, ignore))
