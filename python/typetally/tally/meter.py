"""Sums of loss, accuracy and entropy by token type, over as many updates as one likes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from typetally import _core
from typetally.base.tensors import Tensor, check_tensor, doubles, integers, is_torch, on_host, readable, to_host
from typetally.tally import device_route
from typetally.tally.device_route import DeviceBatch, DeviceTargets
from typetally.tally.hidden import Head, LogitTransform, check_head, logit_chunks
from typetally.tally.targets import Batch
from typetally.tally.torch_route import (
    CHUNK_BYTES,
    DeviceSums,
    add_targets,
    to_device,
)


class TokenTypeMeter:
    """Accumulates what `compute` makes metrics of; the same whatever the split into updates, ranks or shards.

    config: anything with an `extended` attribute, such as TokenTypeMetricsConfig; `extended=` alone does too.
    route: "auto" reads Torch tensors in the host's memory by our kernels, and others by our CUDA kernels, where they
    were built in, or else by Torch operations; sums stay on the device, which `update` does not wait for. "torch" reads
    all Torch tensors on that way.
    """

    def __init__(
        self, config: object | None = None, *, extended: bool | None = None, route: Literal["auto", "torch"] = "auto"
    ) -> None:
        if route not in ("auto", "torch"):
            raise ValueError(f"[TokenTypeMeter] expected route as 'auto' or 'torch', got {route!r}")
        if config is not None and not hasattr(config, "extended"):
            raise TypeError(
                f"[TokenTypeMeter] expected config as a TokenTypeMetricsConfig, got {type(config).__name__}"
            )
        self.extended = bool(getattr(config, "extended", False)) if extended is None else extended
        self._route = route
        self._tally = _core.Tally()
        self._on_devices: dict[str, DeviceSums] = {}

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
        by_torch = self._by_torch(logits)
        if by_torch and logits_to_keep is None and is_torch(labels) and not on_host(labels):
            there = DeviceBatch("update", labels, token_types, cu_seqlens, shifted)
            device_route.add_logits(self._sums_on(logits), logits, there)
            self._tally.batches += 1
            return
        batch = Batch("update", labels, token_types, cu_seqlens, shifted)
        targets = batch.targets(tuple(logits.shape[:-1]), logits_to_keep)
        if by_torch:
            add_targets(self._sums_on(logits), logits.detach(), targets)
        else:
            self._tally.add_logits(targets, readable(logits, "update"))
        self._tally.batches += 1

    def update_from_hidden(
        self,
        *,
        hidden: Tensor,
        weight: Tensor,
        labels: Tensor,
        bias: Tensor | None = None,
        token_types: Tensor | None = None,
        cu_seqlens: Tensor | None = None,
        shifted: bool = False,
        logits_to_keep: int | Tensor | None = None,
        model_config: object | None = None,
        chunk_bytes: int | None = None,
        max_targets: int | None = None,
    ) -> None:
        """Adds one micro-batch of which the model made no logits; they are made here for the targets alone.

        hidden: [B, T, H] or [T, H], what the output embedding is applied to; weight: [V, H]; bias: [V] or None; all
        Torch or all NumPy. At most `chunk_bytes` of logits exist at a time, but at least one row (None: 64 MiB, on a
        device 56 MiB). model_config: the model's config, for its scaling and soft-capping of logits (see
        LogitTransform). Labels on a device are copied to the host, which waits for it, unless `max_targets` says how
        many targets there are at most; a batch with more is then left out and counted as an error. The rest is as in
        `update`.
        Raises ValueError or TypeError for arguments that do not fit; nothing was added then.
        """
        operation = "update_from_hidden"
        check_head(hidden, weight, bias, operation)
        for name, value, least in (("chunk_bytes", chunk_bytes, 1), ("max_targets", max_targets, 0)):
            if value is not None and value < least:
                raise ValueError(f"[{operation}] expected {name} of {least} or more, got {value}")
        head = Head(weight, bias, LogitTransform.from_config(model_config))
        by_torch = self._by_torch(hidden)
        limit = chunk_bytes or (device_route.CHUNK_BYTES if by_torch else CHUNK_BYTES)
        unread = is_torch(labels) and not on_host(labels) and logits_to_keep is None
        if by_torch and unread and max_targets is not None:
            there = DeviceBatch(operation, labels, token_types, cu_seqlens, shifted)
            device_route.add_hidden(self._sums_on(hidden), hidden, head, there, max_targets, limit)
            self._tally.batches += 1
            return
        batch = Batch(operation, labels, token_types, cu_seqlens, shifted)
        targets = batch.targets(tuple(hidden.shape[:-1]), logits_to_keep)
        if len(targets) and int(targets.labels.max()) >= weight.shape[0]:
            raise ValueError(f"[{operation}] expected labels below {weight.shape[0]}, got {int(targets.labels.max())}")
        if by_torch:
            columns = (to_device(c, hidden.device) for c in (targets.rows, targets.labels, targets.types))
            device_route.add_chunks(self._sums_on(hidden), hidden, head, DeviceTargets(*columns), limit)
        else:
            for part, logits in logit_chunks(hidden, head, targets.rows, limit):
                self._tally.add_logits(targets.part(part.start, part.stop), logits)
                del logits  # before the next chunk is made
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
        if self._by_torch(nll) and is_torch(labels):
            right: Any = correct if predicted is None else predicted == labels
            there = DeviceBatch(operation, labels, token_types, cu_seqlens, shifted)
            device_route.add_tokens(self._sums_on(nll), nll, right, entropy, there)
            self._tally.batches += 1
            return
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
        return dict(_core.compute_metrics(self._settled(), self.extended))

    def reset(self) -> None:
        """Forgets everything."""
        self._tally = _core.Tally()
        self._on_devices = {}

    def merge(self, other: TokenTypeMeter) -> None:
        """Adds what another meter accumulated."""
        if not isinstance(other, TokenTypeMeter):
            raise TypeError(f"[merge] expected a TokenTypeMeter, got {type(other).__name__}")
        self._tally.merge(other._settled())

    def over_ranks(self, group: Any = None) -> TokenTypeMeter:
        """A meter with the sums of all ranks: one all-reduce of one vector of float64 [35], whatever each has seen.

        group: a `torch.distributed` process group; None: the default one. Every rank of it has to call this; one whose
        meter is empty too. It waits for the others for the group's own time-out at most. Without a process group: a
        copy.
        """
        import torch

        from typetally.tally.ranks import sum_over_group

        flat = torch.as_tensor(self.flat(), dtype=torch.float64)
        return TokenTypeMeter.from_flat(sum_over_group(flat, group), extended=self.extended)

    def flat(self) -> Tensor:
        """All sums as float64 [35]: adding such vectors of several ranks merges them.

        NumPy, or Torch on the device where sums are kept, which is not waited for.
        """
        own = self._tally.to_flat()
        if not self._on_devices:
            return own
        parts = [sums.flat() for sums in self._on_devices.values()]
        flat = to_device(own, parts[0].device)
        for part in parts:
            flat = flat + part.to(flat.device, non_blocking=True)
        return flat

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
        self._on_devices = {}
        self._tally = _core.Tally.from_flat(doubles(state["sums"], "load_state_dict", "sums").reshape(-1))

    def _by_torch(self, tensor: Tensor) -> bool:
        return is_torch(tensor) and (self._route == "torch" or not on_host(tensor))

    def _sums_on(self, tensor: Tensor) -> DeviceSums:
        return self._on_devices.setdefault(str(tensor.device), DeviceSums(tensor.device))

    def _settled(self) -> _core.Tally:
        """All sums on the host."""
        return _core.Tally.from_flat(doubles(self.flat(), "flat", "sums")) if self._on_devices else self._tally
