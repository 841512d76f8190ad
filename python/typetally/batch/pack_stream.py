"""Packs for data that does not end."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from typetally import _core


def _tokens(sample: Any) -> int:
    return len(sample["input_ids"])


def stream_packs(
    samples: Iterable[Any],
    capacity: int,
    *,
    window: int = 10_000,
    patience: int = 4,
    max_samples: int | None = None,
    length: Callable[[Any], int] = _tokens,
) -> Iterator[list[Any]]:
    """Yields packs, as lists of samples, from samples that may never end; at most `window` of them wait in memory.

    When `window` samples wait they are planned by best-fit decreasing; the fuller half of the packs is yielded, and the
    samples of the emptier half wait for others that fit beside them, for `patience` plans at most. A sample longer than
    `capacity` is a pack of its own. The same samples give the same packs.

    Args:
        samples: any iterable.
        capacity: tokens per pack.
        window: samples that wait at most.
        patience: plans after which a sample leaves, however empty its pack.
        max_samples: samples per pack at most.
        length: tokens of a sample; by default those of its `input_ids`.
    """
    if max_samples is not None and max_samples < 1:
        raise ValueError(f"[stream_packs] expected max_samples >= 1, got {max_samples}")
    return _packs(samples, _core.PackStream(capacity, window, patience, max_samples or 0), length)


def _length_of(sample: Any, number: int, length: Callable[[Any], int]) -> int:
    try:
        found = length(sample)
    except (KeyError, TypeError) as error:
        raise ValueError(f"[stream_packs] expected sample {number} with a length, got: {error!r}") from error
    if not isinstance(found, numbers.Integral):
        raise TypeError(f"[stream_packs] expected the length of sample {number} as an integer, got {found!r}")
    return int(found)


def _packs(samples: Iterable[Any], stream: _core.PackStream, length: Callable[[Any], int]) -> Iterator[list[Any]]:
    waiting: dict[int, Any] = {}
    for number, sample in enumerate(samples):
        waiting[number] = sample
        for pack in stream.add(_length_of(sample, number, length)):
            yield [waiting.pop(index) for index in pack]
    for pack in stream.flush():
        yield [waiting.pop(index) for index in pack]
