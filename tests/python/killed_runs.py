"""Runs that are killed in the middle of a window, and go on in another process; test_resume starts them:
killed_runs.py trainer|loop FOLDER KILL_AT"""

import json
import os
import signal
import sys
from pathlib import Path

import tiny_models as tiny
import torch
from trainer_oracle import ours
from transformers import Trainer, TrainerCallback

import typetally as tt

STEPS, LINES_EVERY, SAVES_EVERY = 14, 4, 5
BATCHES, WINDOW = 12, 6  # of the loop without a trainer


def die():
    os.kill(os.getpid(), signal.SIGKILL)


class KillAt(TrainerCallback):
    def __init__(self, step):
        self._step = step

    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == self._step:
            die()


def train(folder, kill_at=0):
    """With a checkpoint in `folder` it resumes. The lines by step, of the whole run and of the evaluations in it."""
    trainer = Trainer(
        model=tiny.text_model(),
        args=tiny.arguments(
            folder,
            max_steps=STEPS,
            logging_steps=LINES_EVERY,
            save_strategy="steps",
            save_steps=SAVES_EVERY,
            eval_strategy="steps",
            eval_steps=LINES_EVERY,
            gradient_accumulation_steps=2,
        ),
        train_dataset=tiny.text_samples(20),
        eval_dataset=tiny.text_samples(3, first=100),
        data_collator=tiny.pack,
        processing_class=tiny.tokenizer(),
        callbacks=[KillAt(kill_at)],
    )
    tt.attach(trainer, config=tt.TokenTypeMetricsConfig(include=("*",), extended=True))
    trainer.train(resume_from_checkpoint=any(folder.glob("checkpoint-*")) or None)
    kinds = {"loss": "train", "eval_loss": "eval", "train_runtime": "end"}
    return {
        f"{kinds[kind]} {line['step']}": ours(line)
        for line in trainer.state.log_history
        for kind in kinds
        if kind in line
    }


def loop(folder, kill_at=0):
    """A loop of one's own: what it needs to go on is saved after each micro-batch, as ranks do into files of their own.
    The windows' sums."""
    saved = folder / "loop.json"
    state = json.loads(saved.read_text()) if saved.exists() else {"next": 0, "windows": [], "meter": None}
    model, typer = tiny.text_model(), tt.TokenTyper(tiny.tokenizer())
    meter = tt.TokenTypeMeter(extended=True)
    if state["meter"]:
        meter.load_state_dict(state["meter"])
    samples = tiny.text_samples(2 * BATCHES)
    for k in range(state["next"], BATCHES):
        batch = tiny.pad(samples[2 * k : 2 * k + 2])
        with torch.no_grad():
            logits = model(**batch).logits
        meter.update(logits=logits, labels=batch["labels"], token_types=typer.type_labels(batch["labels"]))
        if k + 1 == kill_at:
            die()
        windows = state["windows"]
        if (k + 1) % WINDOW == 0:
            windows.append(meter.state_dict()["sums"])
            meter.reset()
        state = {"next": k + 1, "windows": windows, "meter": meter.state_dict()}
        saved.with_suffix(".new").write_text(json.dumps(state))
        saved.with_suffix(".new").replace(saved)
    return state["windows"]


if __name__ == "__main__":
    {"trainer": train, "loop": loop}[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]))
