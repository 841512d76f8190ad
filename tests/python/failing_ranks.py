"""One of two or three training ranks fails in its own way: failing_ranks.py HOW FOLDER RANK RANKS. Each survivor writes
what it saw to FOLDER."""

import json
import logging
import os
import signal
import sys
import time
from datetime import timedelta
from pathlib import Path

import tiny_models as tiny
from torch import distributed
from torchrun import end_rank
from trainer_oracle import ours
from transformers import Trainer

import typetally as tt

TIME_OUT = 5.0  # seconds, of the process group
STEPS = 4
BROKEN = 1  # the rank that fails
FAILS_AT = 2  # of the lines, one for each step
SIGNALS = {"killed": signal.SIGKILL, "stopped": signal.SIGSTOP}


def break_once(name, at):
    """TokenTypeMeter.<name> raises at its call number `at`."""
    inner, calls = getattr(tt.TokenTypeMeter, name), []

    def failing(self, *args, **kwargs):
        calls.append(name)
        if len(calls) == at:
            raise RuntimeError("this rank's hook")
        return inner(self, *args, **kwargs)

    setattr(tt.TokenTypeMeter, name, failing)


def train(how, folder, rank):
    trainer = Trainer(
        model=tiny.text_model(),
        args=tiny.arguments(folder, max_steps=STEPS, per_device_train_batch_size=1, logging_steps=1, learning_rate=0.0),
        train_dataset=tiny.text_samples(12),
        data_collator=tiny.pad,
        processing_class=tiny.tokenizer(),
    )
    tt.attach(trainer, config=tt.TokenTypeMetricsConfig(include=("*",), extended=True))
    seen = {"lines": [], "waited": []}
    log = trainer.log

    def timed(logs, *args, **kwargs):
        """The trainer's own exchanges for this line are over; the next one is ours."""
        if rank == BROKEN and how in SIGNALS and len(seen["lines"]) + 1 == FAILS_AT:
            os.kill(os.getpid(), SIGNALS[how])
        began = time.monotonic()
        log(logs, *args, **kwargs)
        seen["waited"].append(time.monotonic() - began)
        seen["lines"].append(ours(logs))
        (folder / f"rank-{rank}.json").write_text(json.dumps(seen))

    trainer.log = timed
    if rank == BROKEN and how == "raises":
        break_once("update", at=FAILS_AT)
        break_once("flat", at=FAILS_AT + 1)
    trainer.train()


if __name__ == "__main__":
    how, folder, rank, ranks = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    logging.basicConfig(level=logging.ERROR)
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(ranks), LOCAL_WORLD_SIZE=str(ranks))
    distributed.init_process_group(
        "gloo",
        init_method=f"file://{folder}/meeting",
        rank=rank,
        world_size=ranks,
        timeout=timedelta(seconds=TIME_OUT),
    )
    train(how, folder, rank)
    end_rank()
