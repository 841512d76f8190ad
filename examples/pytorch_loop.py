"""A loop of one's own, without a trainer: a collator adds the types, a meter sums them up.

python examples/pytorch_loop.py
"""

import json

import torch
from torch.utils.data import DataLoader

import typetally as tt
from tiny_task import tiny_task

STEPS, EVERY = 12, 4


def main() -> None:
    model, processor, samples = tiny_task(4 * STEPS)
    config = tt.TokenTypeMetricsConfig(include=("*",))
    collate = tt.TokenTypeCollator(tt.collate_packed, tt.TokenTyper(tt.Vocabulary.from_tokenizer(processor)), config)
    loader = DataLoader(samples, batch_size=4, collate_fn=collate)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    meter = tt.TokenTypeMeter(config)
    for step, batch in enumerate(loader, 1):
        types, boundaries = batch.pop("token_types"), tt.document_boundaries(batch)
        outputs = model(**batch)
        meter.update(logits=outputs.logits, labels=batch["labels"], token_types=types, cu_seqlens=boundaries)
        outputs.loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if step % EVERY == 0:
            print(json.dumps({"step": step, **meter.compute()}))
            meter.reset()


if __name__ == "__main__":
    main()
