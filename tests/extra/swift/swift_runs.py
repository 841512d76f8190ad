"""The parity suite's samples under ms-swift's own trainer and template."""

from __future__ import annotations

import functools
import json
from itertools import pairwise

import swift
import tiny_models as tiny
import tiny_swift
import torch
from swift.pipelines import SwiftSft
from torch import distributed

from typetally.demo.encode import images_of

NAME = f"ms-swift {'.'.join(swift.__version__.split('.')[:2])}"
LAYOUTS = {
    "padded left": {"padding_side": "left"},
    "padded right": {},
    "packed": {"padding_free": True},
    "several packs": {"packing": True, "packing_length": 230},  # two samples each, and a row holds two packs
}


class Untrained(SwiftSft):
    """Stops where `swift sft` has made its trainer."""

    def train(self, trainer):
        return trainer


@functools.cache
def save(folder, count):
    """A model, and the conversations of `tiny.vision_samples` as ms-swift takes them."""
    tiny.vision_model().save_pretrained(folder / "vision")
    tiny.tokenizer().save_pretrained(folder / "vision")
    lines = []
    for seed in range(count):
        question, answer = tiny.vision_messages(seed)
        pictures = images_of([question])
        for picture in pictures:
            picture.save(folder / f"{seed}.png")
        parts = question["content"] if pictures else [{"type": "text", "text": question["content"]}]
        text = "".join("<image>" if part["type"] == "image" else part["text"] for part in parts)
        row = {"messages": [{"role": "user", "content": text}, answer]}
        lines.append(json.dumps(row | ({"images": [str(folder / f"{seed}.png")]} if pictures else {})))
    (folder / "vision.jsonl").write_text("\n".join(lines) + "\n")
    if distributed.is_initialized():
        distributed.barrier()  # ranks share the folder, and the first one alone writes the model


def keep_documents_apart(model):
    """Stands in for flash attention, which reads `cu_seq_lens_q`: other masks go by text positions, put first."""
    forward = model.forward

    def replaced(**inputs):
        documents = pairwise(inputs["cu_seq_lens_q"].tolist())
        text = torch.cat([torch.arange(end - begin) for begin, end in documents])
        inputs["position_ids"] = torch.cat([text[None, None], inputs["position_ids"]])
        return forward(**inputs)

    model.forward = replaced


def vision_trainer(folder, weights, count, layout, options):
    """A trainer over `tiny.vision_samples(count)`. `weights` are float64, which `swift sft` itself cannot load."""
    save(folder, count)
    own = {"val_dataset": folder / "vision.jsonl", "eval_strategy": "no"} | LAYOUTS[layout]
    if distributed.is_initialized():
        own["ddp_backend"] = "gloo"
    trainer = Untrained(tiny_swift.command(folder, folder / "out", "vision", **(own | options))).run()
    trainer.model.double().load_state_dict(weights)
    if trainer.template.padding_free:
        keep_documents_apart(trainer.model)
    return trainer
