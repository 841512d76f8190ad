"""Sums of loss, accuracy and entropy by token type, over as many updates as one likes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from typetally import _core
from typetally._targets import Batch
from typetally._tensors import Tensor, check_tensor, doubles, integers, is_torch, to_host


class TokenTypeMeter:
    """Accumulates what `compute` makes metrics of; the same whatever the split into updates, ranks or shards.

    config: anything with an `extended` attribute, such as TokenTypeMetricsConfig; `extended=` alone does too.
    """

    def __init__(self, config: object | None = None, *, extended: bool | None = None) -> None:
        self.extended = bool(getattr(config, "extended", False)) if extended is None else extended
        self._tally = _core.Tally()

    def update(
        self,
        *,
        logits: Tensor,
        labels: Tensor,
        token_types: Tensor | None = None,
        cu_seqlens: Tensor | None = None,
        shifted: bool = False,
        logits_to_keep: int | Tensor | None = None,
    ) -> None:
        """Adds one micro-batch.

        logits: [B, T, V] or [T, V]; logits at t predict label t + 1 of the same document, or label t with `shifted`.
        labels: [B, T] or [T], any negative one ignored. token_types: shaped like labels; None: all untyped.
        cu_seqlens: the documents' boundaries over the flattened [B * T]; None: each row is one document.
        logits_to_keep: as it was given to the model, a number of last positions (0: all), a mask over T or positions;
        labels and types are then those of all positions, or already cut down like the logits.
        Raises ValueError or TypeError for arguments that do not fit; nothing was added then.
        """
        check_tensor(logits, "update", "logits")
        batch = Batch("update", labels, token_types, cu_seqlens, shifted)
        targets = batch.targets(tuple(logits.shape[:-1]), logits_to_keep)
        self._tally.add_logits(targets, logits.detach() if is_torch(logits) else to_host(logits, "update", "logits"))
        self._tally.batches += 1

    def update_from_tokens(
        self,
        *,
        nll: Tensor,
        labels: Tensor,
        predicted: Tensor | None = None,
        correct: Tensor | None = None,
        entropy: Tensor | None = None,
        token_types: Tensor | None = None,
        cu_seqlens: Tensor | None = None,
        shifted: bool = False,
    ) -> None:
        """Adds one micro-batch of which only per-token results are known; all arrays are shaped like labels.

        nll[i], predicted[i] (an id) or correct[i] (bool), and entropy[i] are those of label i. Exactly one of
        `predicted` and `correct` is given. Where a document's first label is, nothing is read.
        """
        operation = "update_from_tokens"
        if (predicted is None) == (correct is None):
            raise ValueError(f"[{operation}] expected exactly one of predicted and correct, got both or none")
        batch = Batch(operation, labels, token_types, cu_seqlens, shifted)
        targets = batch.targets(batch.shape, None)
        places = targets.rows + (0 if shifted else 1)

        def pick(values: NDArray[Any], name: str) -> NDArray[Any]:
            if values.shape != batch.shape:
                raise ValueError(f"[{operation}] expected {name} of shape {batch.shape}, got {values.shape}")
            return np.ascontiguousarray(values.reshape(-1)[places])

        if predicted is not None:
            right = pick(integers(predicted, operation, "predicted"), "predicted") == targets.labels
        else:
            right = pick(to_host(correct, operation, "correct"), "correct") != 0
        known = None if entropy is None else pick(doubles(entropy, operation, "entropy"), "entropy")
        self._tally.add_tokens(targets, pick(doubles(nll, operation, "nll"), "nll"), right.astype(np.uint8), known)
        self._tally.batches += 1

    def add_skipped(self, samples: int = 1) -> None:
        """Counts samples whose types were dropped."""
        self._tally.skipped_samples += samples

    def add_error(self, micro_batches: int = 1) -> None:
        """Counts micro-batches that could not be tallied."""
        self._tally.errors += micro_batches

    def compute(self) -> dict[str, float]:
        """The metrics so far, by name; {} without a target."""
        return dict(_core.compute_metrics(self._tally, self.extended))

    def reset(self) -> None:
        """Forgets everything."""
        self._tally = _core.Tally()

    def merge(self, other: TokenTypeMeter) -> None:
        """Adds what another meter accumulated."""
        if not isinstance(other, TokenTypeMeter):
            raise TypeError(f"[merge] expected a TokenTypeMeter, got {type(other).__name__}")
        self._tally.merge(other._tally)

    def flat(self) -> Tensor:
        """All sums as float64 [35]: adding such vectors of several ranks merges them."""
        return self._tally.to_flat()

    @classmethod
    def from_flat(cls, flat: Tensor, config: object | None = None, *, extended: bool | None = None) -> TokenTypeMeter:
        """A meter with the sums of `flat`."""
        meter = cls(config, extended=extended)
        meter._tally = _core.Tally.from_flat(doubles(flat, "from_flat", "flat").reshape(-1))
        return meter

    def state_dict(self) -> dict[str, list[float]]:
        """The sums, exactly, in plain Python numbers."""
        return {"sums": [float(x) for x in to_host(self.flat(), "state_dict", "sums")]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on from what `state_dict` returned. Raises ValueError for anything else."""
        if set(state) != {"sums"}:
            raise ValueError(f"[load_state_dict] expected the key 'sums', got {sorted(state)}")
        self._tally = _core.Tally.from_flat(doubles(state["sums"], "load_state_dict", "sums").reshape(-1))
