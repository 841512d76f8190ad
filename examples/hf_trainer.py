"""Hugging Face's Trainer, and every trainer built on it: one line.

python examples/hf_trainer.py
"""

from transformers import Trainer, TrainingArguments

import typetally as tt
from tiny_task import tiny_task


def main() -> None:
    model, processor, samples = tiny_task(32)
    args = TrainingArguments(
        "runs/hf_trainer",
        max_steps=12,
        per_device_train_batch_size=4,
        learning_rate=3e-3,
        logging_steps=4,
        eval_strategy="steps",
        eval_steps=4,
        save_strategy="no",
        remove_unused_columns=False,
    )
    trainer = Trainer(model, args, tt.collate_packed, samples[4:], samples[:4], processing_class=processor)
    tt.attach(trainer)
    trainer.train()


if __name__ == "__main__":
    main()
