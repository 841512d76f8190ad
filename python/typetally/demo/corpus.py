"""The demo's samples: drawn scenes, or a user's file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from transformers import Qwen3VLForConditionalGeneration

from typetally.demo.data import Line, read_lines
from typetally.demo.encode import Message, Sample, encode, scene_messages
from typetally.demo.model import PictureProcessor
from typetally.demo.shapes import draw_scene
from typetally.text.data_files import BadLine

HELD_OUT = 48
"""Samples that are evaluated and never trained on, at most."""

LONGEST = 2048
"""Tokens of a sample at most; a user's longer line is left out."""

_EVERY = 8  # of a user's usable lines, every how many-th is held out
_APART = 1_000_000  # the seeds of held-out scenes begin this far from the training scenes'


@dataclass(frozen=True)
class Example:
    """A conversation with its pictures, and the sample that it was encoded to."""

    messages: list[Message]
    sample: Sample


@dataclass
class Corpus:
    """What a run trains on and what it is evaluated on."""

    title: str
    train: list[Example] = field(default_factory=list)
    held_out: list[Example] = field(default_factory=list)
    bad_lines: list[BadLine] = field(default_factory=list)


@dataclass(frozen=True)
class Encoder:
    """From a conversation to an example; the model tells the pictures' positions."""

    processor: PictureProcessor
    model: Qwen3VLForConditionalGeneration

    def __call__(self, messages: list[Message]) -> Example:
        return Example(messages, encode(messages, self.processor, self.model))


def draw_corpus(encoder: Encoder, count: int, seed: int) -> Iterator[Corpus]:
    """Draws `count` training scenes and the held-out ones. Yields the corpus after each scene, for a progress bar."""
    corpus = Corpus("typetally demo: drawn shapes")
    first = 2 * seed * _APART
    for at in range(count + HELD_OUT):
        example = encoder(scene_messages(draw_scene(first + (at if at < count else _APART + at))))
        (corpus.train if at < count else corpus.held_out).append(example)
        yield corpus


def read_corpus(encoder: Encoder, count: int, path: Path) -> Iterator[Corpus]:
    """Reads a user's file up to its `count`-th usable line. Yields the corpus after each line, for a progress bar.

    ValueError if fewer than two lines are usable: one to train on and one to hold out.
    """
    corpus = Corpus(f"typetally demo: {path.name}")
    yield from _add_lines(corpus, encoder, count, read_lines(path))
    usable = len(corpus.train) + len(corpus.held_out)
    if usable < 2:
        raise ValueError(
            f"[demo] expected at least 2 usable lines in {path}, got {usable}{_first_reason(corpus.bad_lines)}"
        )


def _add_lines(corpus: Corpus, encoder: Encoder, count: int, lines: Iterable[Line | BadLine]) -> Iterator[Corpus]:
    for line in lines:
        example = line if isinstance(line, BadLine) else _encode_line(encoder, line)
        if isinstance(example, BadLine):
            corpus.bad_lines.append(example)
        # The second line already, so that two lines suffice.
        elif len(corpus.held_out) < HELD_OUT and len(corpus.train) >= 1 + (_EVERY - 1) * len(corpus.held_out):
            corpus.held_out.append(example)
        else:
            corpus.train.append(example)
        yield corpus
        if len(corpus.train) + len(corpus.held_out) == count:
            return


def _encode_line(encoder: Encoder, line: Line) -> Example | BadLine:
    example = encoder(line.messages)
    tokens = len(example.sample["input_ids"])
    if tokens > LONGEST:
        return BadLine(line.number, f"expected a conversation of at most {LONGEST} tokens, got {tokens}")
    return example


def _first_reason(bad_lines: list[BadLine]) -> str:
    return "".join(f"; line {bad.number}: {bad.reason}" for bad in islice(bad_lines, 1))
