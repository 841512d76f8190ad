"""What ms-swift's trainers do that others do not."""

from __future__ import annotations

from typing import Any


def coming_keys(trainer: Any) -> frozenset[str]:
    """Keys of its own that the trainer adds to a line inside `log`, after ours; none for other trainers."""
    metrics = getattr(trainer, "custom_metrics", None)
    mode = "train" if trainer.model.training else "eval"
    if not isinstance(metrics, dict) or mode not in metrics:
        return frozenset()
    prefix = "" if mode == "train" else "eval_"
    return frozenset(prefix + key for key in metrics[mode])


def refuse_sequence_parallel(trainer: Any) -> None:
    """Raises ValueError where the trainer splits each row's labels over ranks before the model sees them."""
    size = getattr(getattr(trainer, "template", None), "sequence_parallel_size", 1)
    if size > 1:
        raise ValueError(
            f"[attach] expected sequence_parallel_size 1, got {size}: each rank of ms-swift's then has a part of every "
            "row, too little to type its answers; set sequence_parallel_size to 1"
        )
