"""What attach costs a training step: the same model, batches and trainer with and without it, step by step in turns.

Prints the median paired difference of the step time, relative to the step without, with a 95 % interval (bootstrap over
the pairs): for the demo's model on the CPU, packed, and for a text model with Qwen3's vocabulary of 151,936. Fails
where the upper end of an interval is above 2 %.
"""

from __future__ import annotations

import argparse
import gc
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from transformers import Qwen3Config, Qwen3ForCausalLM, Trainer, TrainingArguments

import typetally as tt
from typetally.demo.encode import encode, scene_messages
from typetally.demo.model import build_model, build_processor
from typetally.demo.shapes import draw_scene
from typetally.demo.tokenizer import build_tokenizer

MOST_TIME = 0.02


def demo() -> tuple[Callable[[], Any], Any, list[Any]]:
    """The demo's model, and its packs of eight pictures and answers."""
    tokenizer = build_tokenizer()
    processor, model = build_processor(tokenizer), build_model(tokenizer)
    samples = [encode(scene_messages(draw_scene(seed)), processor, model) for seed in range(32)]
    return lambda: build_model(tokenizer), processor, samples


def large(count: int = 16, **sizes: Any) -> tuple[Callable[[], Any], Any, list[Any]]:
    """One layer below an output embedding of 151,936 rows; the answers alone are supervised."""
    tokenizer = build_tokenizer()
    small = {"hidden_size": 128, "intermediate_size": 256, "num_hidden_layers": 1, "num_attention_heads": 4}
    small |= {"num_key_value_heads": 2, "head_dim": 64, "tie_word_embeddings": True, "use_cache": False}
    config = Qwen3Config(vocab_size=151_936, **small | sizes)
    prompt = tokenizer("Name every shape in the picture and where it is. " * 4)["input_ids"]
    samples = []
    for seed in range(count):
        answer = tokenizer(draw_scene(seed).answer)["input_ids"]
        samples.append({"input_ids": prompt + answer, "labels": [-100] * len(prompt) + answer})
    return lambda: Qwen3ForCausalLM(config), tokenizer, samples


class Side:
    """One trainer, whose steps are taken one at a time; the clock runs over what a step of train() does per micro-batch
    and, every tenth step, over a log line."""

    options: ClassVar[dict[str, Any]] = {"use_cpu": True}

    def __init__(self, make: Callable[[], Any], processor: Any, samples: list[Any], size: int, attached: bool) -> None:
        torch.manual_seed(0)
        args = TrainingArguments(
            tempfile.mkdtemp(), per_device_train_batch_size=size, report_to=[], disable_tqdm=True,
            remove_unused_columns=False, save_strategy="no", **self.options,
        )  # fmt: skip
        self.trainer = Trainer(make(), args, tt.collate_packed, samples, processing_class=processor)
        self.trainer.log = lambda logs, start_time=None: None  # type: ignore[method-assign]
        if attached:
            tt.attach(self.trainer)
        self.trainer.current_gradient_accumulation_steps = 1
        self.trainer.create_optimizer()
        self.rows = [samples[at : at + size] for at in range(0, len(samples), size)]
        self.steps = 0

    def next_batch(self) -> Any:
        return self.trainer.data_collator(self.rows[self.steps % len(self.rows)])

    def step(self) -> float:
        trainer = self.trainer
        began = time.perf_counter()
        batch = self.next_batch()
        self.steps += 1
        trainer.training_step(trainer.model, batch)
        trainer.optimizer.step()
        trainer.optimizer.zero_grad()
        if self.steps % 10 == 0:
            trainer.log({"loss": 0.0})
        return time.perf_counter() - began


def measure(name: str, sides: Sequence[Side], pairs: int) -> float:
    """Prints what the second side costs more than the first, and returns the upper end of the interval."""
    for _ in range(5):
        for side in sides:
            side.step()
    times = np.empty((pairs, 2))
    gc.disable()
    for pair in range(pairs):
        for which in (0, 1) if pair % 2 else (1, 0):
            times[pair, which] = sides[which].step()
    gc.enable()
    without = np.median(times[:, 0])
    difference = (times[:, 1] - times[:, 0]) / without
    draws = np.random.default_rng(0).integers(0, pairs, (4000, pairs))
    low, high = np.percentile(np.median(difference[draws], axis=1), [2.5, 97.5])
    print(
        f"{name:38} step {without * 1e3:7.1f} ms  with attach {np.median(difference):+.2%}  "
        f"95 % [{low:+.2%}, {high:+.2%}]  {pairs} pairs",
        flush=True,
    )
    return float(high)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=300)
    pairs = parser.parse_args().pairs
    torch.set_num_threads(2)
    wrong = []
    for name, case, size, number in (
        ("demo, packs of 8 with pictures", demo(), 8, pairs),
        ("vocabulary of 151,936, packs of 2", large(), 2, pairs // 3),  # steps of half a second
    ):
        high = measure(name, [Side(*case, size, attached) for attached in (False, True)], number)
        if high > MOST_TIME:
            wrong.append(f"{name}: up to {high:+.2%}")
    if wrong:
        sys.exit(f"expected attach to cost at most {MOST_TIME:.0%} of a step, got {'; '.join(wrong)}")


if __name__ == "__main__":
    main()
