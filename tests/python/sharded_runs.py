"""A model that FSDP2 has sharded over two ranks, by every way to read it: sharded_runs.py FILE, by torchrun."""

import json
import sys
from pathlib import Path

import tiny_models as tiny
import torch
from test_attach_outputs import ROUTES
from torch import distributed
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor
from torchrun import end_rank
from transformers import Trainer

import typetally as tt


def run(folder, make, sharded):
    """Frozen training on this rank's half of the samples; the metrics of both halves."""
    model = tiny.trained_vision_model(torch.float64)
    if make is not None:
        model = tiny.without_logits(model, make)
    trainer = Trainer(
        model=model,
        args=tiny.arguments(folder, max_steps=2 if sharded else 4, learning_rate=0.0, logging_strategy="no"),
        train_dataset=tiny.vision_samples(8),
        data_collator=tiny.pack,
        processing_class=tiny.processor(),
    )
    if sharded:
        fully_shard(model)
        assert isinstance(model.lm_head.weight, DTensor)
    tt.attach(trainer, config=tt.TokenTypeMetricsConfig(include=("*",), extended=True))
    # As accelerate prepares an FSDP2 model: sharded already, and not wrapped in DDP.
    trainer.accelerator.prepare_model = lambda prepared, **_: prepared
    trainer.train()
    return trainer.state.log_history[-1]


if __name__ == "__main__":
    distributed.init_process_group("gloo")
    folder = Path(sys.argv[1])
    results = {name: run(folder / str(distributed.get_rank()), make, True) for name, make in ROUTES.items()}
    if distributed.get_rank() == 0:
        (folder / "sharded.json").write_text(json.dumps(results))
    end_rank()
