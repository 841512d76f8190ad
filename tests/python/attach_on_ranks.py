"""Trains and evaluates a frozen model over the same samples, however many ranks there are. test_attach_ranks imports
it for one process and has torchrun start it for two: attach_on_ranks.py FILE"""

import json
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import tiny_models as tiny
import torch
from torch import distributed
from trainer_oracle import Spy
from transformers import Trainer

import typetally as tt

SAMPLES = 16
HELD = 7  # odd: one rank repeats a sample to have as many as the other
LVIS = 5  # of those held out; two ranks' last batches hold none


@contextmanager
def reductions_counted(trainer):
    """All-reduces of float64 before each line of the log; the trainer's own are float32 or integers."""
    counts, now = [], [0]
    reduce, log = distributed.all_reduce, trainer.log

    def counted(tensor, *args, **kwargs):
        now[0] += tensor.dtype == torch.float64
        return reduce(tensor, *args, **kwargs)

    def logged(logs, *args, **kwargs):
        counts.append(now[0])
        now[0] = 0
        return log(logs, *args, **kwargs)

    trainer.log = logged
    with patch.object(distributed, "all_reduce", counted):
        yield counts


def run(folder, dtype, base, size):
    samples = [{**sample, "dataset": "lvis"} for sample in tiny.vision_samples(SAMPLES)]
    held = [
        {**s, "dataset": "lvis" if k < LVIS else "coco"} for k, s in enumerate(tiny.vision_samples(HELD, first=100))
    ]
    ranks = distributed.get_world_size() if distributed.is_initialized() else 1
    trainer = Trainer(
        model=tiny.trained_vision_model(dtype),
        args=tiny.arguments(
            folder,
            max_steps=SAMPLES // size // ranks,
            per_device_train_batch_size=size,
            per_device_eval_batch_size=size,
            learning_rate=0.0,
            logging_strategy="no",
            ddp_find_unused_parameters=True,
        ),
        train_dataset=samples,
        eval_dataset=held,
        data_collator=base,
        processing_class=tiny.processor(),
    )
    with reductions_counted(trainer) as reductions:
        handle = tt.attach(trainer, config=tt.TokenTypeMetricsConfig(extended=True))
        spy = Spy(trainer, [*samples, *held], tiny.sample_types([*samples, *held]))
        trainer.train()
        evaluated = trainer.evaluate()
    return {
        "train": trainer.state.log_history[0],
        "eval": evaluated,
        "coverage": [vars(handle.coverage(mode)) for mode in ("train", "eval")],
        "near_ties": [spy.oracle(training, 0, SAMPLES + 1).near_ties for training in (True, False)],
        "reductions": reductions,
    }


def run_all(folder):
    return {
        f"{str(dtype)[6:]} {base.__name__} {size}": run(folder, dtype, base, size)
        for dtype in (torch.float64, torch.float32)
        for base in (tiny.pack, tiny.pad)
        for size in (1, 2)
    }


if __name__ == "__main__":
    distributed.init_process_group("gloo")
    with tempfile.TemporaryDirectory() as scratch:
        results = run_all(scratch)
    if distributed.get_rank() == 0:
        Path(sys.argv[1]).write_text(json.dumps(results))
    distributed.destroy_process_group()
