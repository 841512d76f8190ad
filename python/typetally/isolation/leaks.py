"""Notices settings under which packed documents see each other."""

from __future__ import annotations

import logging
from typing import Any

import torch
from torch import nn

from typetally.model.unwrap import causal_lm

logger = logging.getLogger(__name__)

# Settings do not change within a run; looking at a mask costs a synchronisation with the device.
FIRST_BATCHES = 3


class LeakWatch:
    """Looks at the first packed micro-batches and warns once about each setting."""

    def __init__(self, module: nn.Module) -> None:
        self._config: Any = getattr(causal_lm(module), "config", None)
        self._warned: set[str] = set()
        self._seen = 0

    def see(self, inputs: dict[str, Any], packed: bool) -> None:
        """`inputs` as the model gets them; `packed`: some row holds several documents."""
        if not packed or self._seen >= FIRST_BATCHES or self._has_variable_length_kernel():
            return
        self._seen += 1
        for fault, remedy in leaks(self._config, inputs):
            if fault not in self._warned:
                self._warned.add(fault)
                logger.warning("[attach] packed documents see each other: %s. %s", fault, remedy)

    def stop(self) -> None:
        """Someone else has looked."""
        self._seen = FIRST_BATCHES

    def _has_variable_length_kernel(self) -> bool:
        """Flash attention takes cu_seqlens and needs neither a mask nor text positions."""
        return "flash" in str(getattr(self._config, "_attn_implementation", ""))


def leaks(config: Any, inputs: dict[str, Any]) -> list[tuple[str, str]]:
    """What makes packed rows leak without a variable-length attention kernel, each with what to change. Transformers
    derives the block-diagonal mask from text position_ids, and only without an attention mask and without a cache."""
    mask = inputs.get("attention_mask")
    if torch.is_tensor(mask) and mask.ndim == 4:  # says of each position which others it sees
        return []
    found = []
    if _uses_cache(config, inputs):
        nested = _text_config(config) is not config
        name = "config.text_config.use_cache" if nested else "config.use_cache"
        found.append((f"{name} is True", f"Set {name} = False (the Trainer clears only config.use_cache)."))
    if torch.is_tensor(mask) and mask.ndim == 2 and not (mask > 1).any():
        found.append(("the batch has an attention mask of ones", "Leave attention_mask out of packed batches."))
    positions = inputs.get("position_ids")
    if positions is None:
        found.append(("the batch has no position_ids", "Pass position_ids that restart at each document."))
    elif torch.is_tensor(positions) and positions.ndim == 3 and positions.shape[0] == 3:
        found.append(
            ("position_ids are [3, B, T]", "Pass [4, B, T]: text positions that restart at each document come first.")
        )
    return found


def _text_config(config: Any) -> Any:
    get = getattr(config, "get_text_config", None)
    return get() if callable(get) else config


def _uses_cache(config: Any, inputs: dict[str, Any]) -> bool:
    given = inputs.get("use_cache")
    return bool(getattr(_text_config(config), "use_cache", False) if given is None else given)
