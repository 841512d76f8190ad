"""Real models and samples, small enough for tests of training: the demo's Qwen3-VL with drawn pictures, and a text
Qwen3, whose answers are JSON."""

from __future__ import annotations

import functools

import numpy as np
import torch
from transformers import Qwen3Config, Qwen3ForCausalLM, TrainingArguments

from typetally.demo.encode import encode, scene_messages
from typetally.demo.model import build_model, build_processor
from typetally.demo.shapes import draw_scene
from typetally.demo.tokenizer import build_tokenizer
from typetally.typing.typer import TokenTyper

SIDE = 64
torch.set_num_threads(1)  # more threads only slow models of this size down

PICTURES = ("pixel_values", "image_grid_thw")


@functools.cache
def tokenizer():
    return build_tokenizer(merges=300)


@functools.cache
def processor():
    return build_processor(tokenizer(), SIDE)


def vision_model(dtype=torch.float32):
    """Weights of 0.15: large enough for documents to influence each other where they can."""
    model = build_model(tokenizer(), hidden=32, layers=1)
    return _spread(model).to(dtype)


@functools.cache
def _trained_weights():
    model = vision_model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for step in range(30):
        model(**pack(vision_samples(8, first=8 * (step % 3)))).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return model.state_dict()


def trained_vision_model(dtype=torch.float32):
    """Right about some tokens and wrong about others."""
    model = vision_model()
    model.load_state_dict(_trained_weights())
    return model.to(dtype)


def text_model(dtype=torch.float32):
    tok = tokenizer()
    config = Qwen3Config(
        vocab_size=len(tok) + 8,  # as published models have: ids that no token has
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        max_position_embeddings=2048,
        pad_token_id=tok.pad_token_id,
        eos_token_id=tok.eos_token_id,
    )
    return _spread(Qwen3ForCausalLM(config)).to(dtype)


def without_logits(model, make):
    """Has `model` return `make(loss, logits, labels)` where it has labels."""
    forward = model.forward

    def replaced(**inputs):
        outputs = forward(**inputs)
        return make(outputs.loss, outputs.logits, inputs["labels"]) if "labels" in inputs else outputs

    model.forward = replaced
    return model


def _spread(model):
    torch.manual_seed(1)
    for parameter in model.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.15)
    return model


def vision_messages(seed):
    """A question and its answer; every third has no picture."""
    messages = scene_messages(draw_scene(seed))
    if seed % 3 == 2:
        messages[0]["content"] = "Name two shapes."
    return messages


@functools.cache
def vision_samples(count, first=0):
    """Encoded conversations, two of three with a picture."""
    model = build_model(tokenizer(), hidden=32, layers=1)
    return [encode(vision_messages(seed), processor(), model) for seed in range(first, first + count)]


@functools.cache
def text_samples(count, first=0):
    """Every third has no prompt: its first token is supervised, and yet never a target."""
    samples = []
    for seed in range(first, first + count):
        prompt = [] if seed % 3 == 1 else tokenizer()("Describe: ", add_special_tokens=False)["input_ids"]
        answer = tokenizer()(draw_scene(seed).answer + "<|im_end|>\n", add_special_tokens=False)["input_ids"]
        samples.append({"input_ids": prompt + answer, "labels": [-100] * len(prompt) + answer})
    return samples


def count_targets(sample):
    return sum(label != -100 for label in sample["labels"][1:])


def sample_types(samples):
    """Each sample's types, by the typer alone."""
    typer = TokenTyper(tokenizer())
    return [np.asarray(typer.type_labels(np.asarray(sample["labels"]))) for sample in samples]


SHORT = {
    "max_steps": 5,
    "per_device_train_batch_size": 2,
    "per_device_eval_batch_size": 2,
    "logging_steps": 2,
    "learning_rate": 1e-2,
    "save_strategy": "no",
    "report_to": [],
    "use_cpu": True,
    "disable_tqdm": True,
}
"""Arguments of a short training on the CPU."""


def arguments(folder, **options):
    return TrainingArguments(str(folder), **(SHORT | {"remove_unused_columns": False} | options))


def pad(samples, side="right"):
    """Pads to the longest; with pictures the model makes its own positions."""
    rows = _tensors(samples)
    width = max(len(row["input_ids"]) for row in rows)

    def stack(key, fill):
        def padded(row):
            room = torch.full((width - len(row[key]),), fill)
            return torch.cat([row[key], room] if side == "right" else [room, row[key]])

        return torch.stack([padded(row) for row in rows])

    batch = {"input_ids": stack("input_ids", tokenizer().pad_token_id), "labels": stack("labels", -100)}
    batch["attention_mask"] = torch.zeros_like(batch["input_ids"])
    for k, row in enumerate(rows):
        at = 0 if side == "right" else width - len(row["input_ids"])
        batch["attention_mask"][k, at : at + len(row["input_ids"])] = 1
    if "mm_token_type_ids" in rows[0]:
        batch["mm_token_type_ids"] = stack("mm_token_type_ids", 0)
    return batch | _pictures(rows)


def pack(samples):
    """One row, positions that restart, no attention mask."""
    rows = _tensors(samples)
    batch = {key: torch.cat([row[key] for row in rows])[None] for key in ("input_ids", "labels")}
    positions = [row["position_ids"] if "position_ids" in row else torch.arange(len(row["labels"])) for row in rows]
    packed = torch.cat(positions, dim=-1)
    batch["position_ids"] = packed[:, None] if packed.ndim == 2 else packed[None]
    return batch | _pictures(rows)


def _tensors(samples):
    known = ("input_ids", "labels", "mm_token_type_ids", "position_ids", *PICTURES)
    return [{key: torch.as_tensor(sample[key]) for key in known if key in sample} for sample in samples]


def _pictures(rows):
    return {key: torch.cat(parts) for key in PICTURES if (parts := [row[key] for row in rows if key in row])}
