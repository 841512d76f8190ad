"""Accelerate: each rank tallies its own batches, and one exchange per log line adds them up.

torchrun --nproc_per_node 2 examples/accelerate_loop.py   # without GPUs after ACCELERATE_USE_CPU=true
"""

import json

import torch
from accelerate import Accelerator
from accelerate.utils import DataLoaderConfiguration
from torch.utils.data import DataLoader

import typetally as tt
from tiny_task import tiny_task

STEPS, EVERY = 12, 4


def main() -> None:
    # Without even_batches no sample is seen twice; with split_batches the ranks share each batch of four.
    accelerator = Accelerator(dataloader_config=DataLoaderConfiguration(split_batches=True, even_batches=False))
    train(accelerator)
    accelerator.end_training()


def train(accelerator: Accelerator) -> None:
    model, processor, samples = tiny_task(4 * STEPS)
    config = tt.TokenTypeMetricsConfig(include=("*",))
    collate = tt.TokenTypeCollator(tt.collate_packed, tt.TokenTyper(tt.Vocabulary.from_tokenizer(processor)), config)
    loader = DataLoader(samples, batch_size=4, collate_fn=collate)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
    meter = tt.TokenTypeMeter(config)
    for step, batch in enumerate(loader, 1):
        types, boundaries = batch.pop("token_types"), tt.document_boundaries(batch)
        outputs = model(**batch)
        meter.update(logits=outputs.logits, labels=batch["labels"], token_types=types, cu_seqlens=boundaries)
        accelerator.backward(outputs.loss)
        optimizer.step()
        optimizer.zero_grad()
        if step % EVERY == 0:
            line = {"step": step, **meter.over_ranks().compute()}  # every rank has to come by
            accelerator.print(json.dumps(line))
            meter.reset()


if __name__ == "__main__":
    main()
