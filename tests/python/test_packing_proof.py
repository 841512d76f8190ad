"""LVIS answers planned, collated, typed and tallied: the sums of every layout are those of the samples alone."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pytest

import typetally as tt
from typetally.tally.torch_route import COLUMNS, KINDS
from typetally.text.text_encoder import TextEncoder

CAPACITY = 400
VOCABULARY = 512  # of the logits: ids are taken modulo it there, and whole where they are typed
SUMS = np.tile(np.arange(COLUMNS) >= 6, KINDS)  # nll and entropy; the others are counts


@dataclass
class Answers:
    typer: tt.TokenTyper
    samples: list[dict]
    logits: np.ndarray
    """[tokens + 1, VOCABULARY]: row k is what the model says at token k of all samples; row 0 is for padding."""


@pytest.fixture(scope="module")
def answers(shared_data):
    data = json.loads((shared_data / "lvis_val_100.json").read_text())
    names = {category["id"]: category["name"] for category in data["categories"]}
    objects = {}
    for found in data["annotations"]:
        x, y, width, height = found["bbox"]
        box = [round(x), round(y), round(x + width), round(y + height)]
        objects.setdefault(found["image_id"], []).append({"bbox_2d": box, "desc": names[found["category_id"]]})
    encoder = TextEncoder(shared_data / "tokenizers/qwen3")
    prompts = ["", "<|im_start|>user\nFind everything.<|im_end|>\n<|im_start|>assistant\n"]  # "": all is supervised
    texts = [json.dumps(of_image) + "<|im_end|>" for of_image in objects.values()]
    asked = encoder.encode([prompts[k % 5 > 0] for k in range(len(texts))])
    answered = encoder.encode(texts)
    typer = tt.TokenTyper(encoder.vocabulary)
    samples, serial = [], 1
    for prompt, answer in zip(asked, answered, strict=True):
        ids = np.array(prompt + answer)
        labels = np.array([-100] * len(prompt) + answer)
        # A field of one value per token that collators carry along: where the token's logits are.
        numbers = np.arange(serial, serial := serial + len(ids))
        types = typer.type_labels(labels)
        samples.append({"input_ids": ids, "labels": labels, "token_types": types, "mm_token_type_ids": numbers})
    logits = np.random.default_rng(0).normal(size=(serial, VOCABULARY)).astype(np.float32) * 3
    return Answers(typer, samples, logits)


def tally(answers, batches):
    """The sums over some batches, typed anew from their labels within the boundaries that they carry."""
    meter = tt.TokenTypeMeter(extended=True)
    for batch in batches:
        boundaries = tt.document_boundaries(batch)
        labels = np.where(batch["labels"] >= 0, batch["labels"] % VOCABULARY, -100)
        types = answers.typer.type_labels(batch["labels"], cu_seqlens=boundaries)
        assert np.array_equal(types, batch["token_types"])
        meter.update(
            logits=answers.logits[batch["mm_token_type_ids"]],
            labels=labels,
            token_types=types,
            cu_seqlens=boundaries,
        )
    return np.array(meter.state_dict()["sums"])[: KINDS * COLUMNS]


def layouts(samples):
    plan = tt.plan_packs([len(sample["input_ids"]) for sample in samples], CAPACITY, seed=7)
    assert 0 < plan.oversized < len(plan)
    packs = tt.PackedDataset(samples, plan)
    fours = [samples[k : k + 4] for k in range(0, len(samples), 4)]
    yield "padded on the right", (tt.collate_padded(rows, 151643, multiple_of=8) for rows in fours)
    yield "padded on the left", (tt.collate_padded(rows, 151643, "left") for rows in fours)
    for fields in ("transformers", "swift", "megatron"):
        yield f"packed for {fields}", (tt.collate_packed(pack, fields) for pack in packs)
    yield "three packs a batch", (tt.collate_packed(packs[k : k + 3], multiple_of=16) for k in range(0, len(packs), 3))
    streamed = tt.stream_packs(samples, CAPACITY, window=20)
    yield "packed in a stream", (tt.collate_packed(pack) for pack in streamed)


def test_every_layout_has_the_sums_of_the_samples(answers):
    alone = tally(answers, ({name: value[None] for name, value in sample.items()} for sample in answers.samples))
    counts = alone.reshape(KINDS, COLUMNS)[:, 0]
    assert counts.sum() == sum(int((sample["labels"][1:] != -100).sum()) for sample in answers.samples)
    assert (counts[1:] > 1000).all()  # targets of each type
    for name, batches in layouts(answers.samples):
        found = tally(answers, batches)
        assert np.array_equal(found[~SUMS], alone[~SUMS]), name
        np.testing.assert_allclose(found[SUMS], alone[SUMS], rtol=1e-12, err_msg=name)
