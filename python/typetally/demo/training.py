"""The demo's trainer: packed training, padded evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from torch.utils.data import Dataset
from transformers import PrinterCallback, Qwen3VLForConditionalGeneration, Trainer, TrainingArguments

from typetally.batch.collate import collate_packed, collate_padded
from typetally.batch.pack_plan import PackedDataset, PackPlan, plan_packs
from typetally.demo.encode import Sample
from typetally.demo.model import PictureProcessor

CAPACITY = 768
"""Tokens of a pack: about nine drawn scenes."""


def pack_samples(samples: Sequence[Sample], seed: int) -> tuple[PackedDataset, PackPlan]:
    """The samples as packs of at most `CAPACITY` tokens; a longer sample is a pack of its own."""
    plan = plan_packs([len(sample["input_ids"]) for sample in samples], CAPACITY, seed=seed)
    return PackedDataset(samples, plan), plan


class Collator:
    """Training items are packs, one per row; evaluation items are samples, which are padded."""

    def __init__(self, pad_token_id: int) -> None:
        self._pad_token_id = pad_token_id

    def __call__(self, items: list[Any]) -> dict[str, Any]:
        if isinstance(items[0], list):
            return collate_packed(items, pad_token_id=self._pad_token_id)
        return collate_padded(items, pad_token_id=self._pad_token_id)


def build_trainer(
    model: Qwen3VLForConditionalGeneration,
    processor: PictureProcessor,
    packs: PackedDataset,
    held_out: Sequence[Sample],
    folder: Path,
    *,
    steps: int,
    seed: int = 0,
) -> Trainer:
    """Hugging Face's Trainer on the CPU: one pack per step, evaluation before the first step and every ten."""
    args = TrainingArguments(
        str(folder),
        max_steps=steps,
        per_device_train_batch_size=1,
        per_device_eval_batch_size=16,
        learning_rate=3e-3,
        warmup_steps=5,
        lr_scheduler_type="cosine",
        adam_beta2=0.95,
        logging_steps=5,
        eval_strategy="steps",
        eval_steps=10,
        eval_on_start=True,
        prediction_loss_only=True,
        save_strategy="no",
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
        remove_unused_columns=False,
        seed=seed,
    )
    trainer = Trainer(
        model=model,
        args=args,
        data_collator=Collator(cast(int, processor.tokenizer.pad_token_id)),
        train_dataset=cast(Dataset[Any], packs),
        eval_dataset=cast(Dataset[Any], held_out),
        processing_class=processor,
    )
    trainer.remove_callback(PrinterCallback)
    return trainer
