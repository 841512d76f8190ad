"""How a trainer's data loaders move batches between processes."""

from __future__ import annotations

from typing import Any

from torch.utils.data import IterableDataset


def dispatches(trainer: Any, dataloader: Any = None) -> bool:
    """Whether batches are read by one process, concatenated and handed out, which only tensors survive. Without a
    loader: the training loader that the trainer is going to make (accelerate's rule)."""
    if dataloader is not None:
        return type(dataloader).__name__ == "DataLoaderDispatcher"
    chosen = getattr(trainer.accelerator, "dispatch_batches", None)
    return isinstance(trainer.train_dataset, IterableDataset) if chosen is None else bool(chosen)
