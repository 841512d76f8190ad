"""Positions by axis are those of real tiny models' own `get_rope_index`, sample by sample and in batches."""

import functools
from typing import Any

import numpy as np
import pytest
import torch
from transformers import (
    Qwen2_5_VLConfig,
    Qwen2_5_VLModel,
    Qwen2VLConfig,
    Qwen2VLModel,
    Qwen3VLConfig,
    Qwen3VLModel,
)

import typetally as tt

TEXT, IMAGE, VIDEO = 7, 3, 4  # token ids
MODELS = {
    "qwen2_vl": (Qwen2VLConfig, Qwen2VLModel, {"embed_dim": 16, "hidden_size": 16}),
    "qwen2_5_vl": (Qwen2_5_VLConfig, Qwen2_5_VLModel, {"hidden_size": 16, "out_hidden_size": 16}),
    "qwen3_vl": (Qwen3VLConfig, Qwen3VLModel, {"hidden_size": 16, "out_hidden_size": 16}),
}


@functools.cache
def model_of(name: str) -> Any:
    config, model, vision = MODELS[name]
    text = {
        "vocab_size": 16,
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 8,
        "rope_parameters": {"rope_type": "default", "mrope_section": [2, 1, 1], "rope_theta": 10000.0},
    }
    return model(
        config(
            text_config=text,
            vision_config={"depth": 1, "num_heads": 2, "intermediate_size": 16, **vision},
            image_token_id=IMAGE,
            video_token_id=VIDEO,
        )
    )


def samples_for(name: str, count: int = 8) -> list[dict[str, Any]]:
    """Texts between pictures and videos; the last sample has text alone."""
    rng = np.random.default_rng(len(name))
    samples = []
    for _ in range(count):
        ids, images, videos, rates = [TEXT] * int(rng.integers(1, 5)), [], [], []
        for _ in range(rng.integers(1, 4)):
            t, h, w = int(rng.integers(2, 5)), 2 * int(rng.integers(1, 5)), 2 * int(rng.integers(1, 5))
            if rng.random() < 0.5:
                images.append([1, h, w])
                ids += [IMAGE] * (h * w // 4)
            else:
                videos.append([t, h, w])
                rates.append(round(float(rng.random()) + 0.1, 2))
                frame = [VIDEO] * (h * w // 4)
                ids += (frame + [TEXT] * 2) * t if name == "qwen3_vl" else frame * t
            ids += [TEXT] * int(rng.integers(1, 5))
        sample = {"input_ids": torch.tensor(ids), "labels": torch.tensor(ids)}
        sample["mm_token_type_ids"] = (sample["input_ids"] == IMAGE) * 1 + (sample["input_ids"] == VIDEO) * 2
        if images:
            sample["image_grid_thw"] = torch.tensor(images)
        if videos:
            sample["video_grid_thw"] = torch.tensor(videos)
        if videos and name == "qwen2_5_vl":
            sample["second_per_grid_ts"] = torch.tensor(rates)
        samples.append(sample)
    ids = torch.tensor([TEXT] * 3)
    return [*samples, {"input_ids": ids, "labels": ids, "mm_token_type_ids": ids * 0}]


def by_model(name: str, sample: dict[str, Any]) -> torch.Tensor:
    """`[3, T]`"""
    fields = {key: value for key, value in sample.items() if key.endswith("_thw") or key == "second_per_grid_ts"}
    rows = {key: sample[key][None] for key in ("input_ids", "mm_token_type_ids")}
    return model_of(name).get_rope_index(**rows, **fields)[0][:, 0]


@pytest.mark.parametrize("name", MODELS)
def test_grids_give_the_models_own_positions(name: str) -> None:
    rope = tt.MRope.from_config(model_of(name).config)
    for sample in samples_for(name):
        expected = by_model(name, sample).tolist()
        assert rope.positions(sample).tolist() == expected
        without_kinds = {key: value for key, value in sample.items() if key != "mm_token_type_ids"}
        assert rope.positions(without_kinds).tolist() == expected


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("own", [False, True])
def test_batches_have_positions_per_document(name: str, own: bool) -> None:
    samples = samples_for(name)
    rope = model_of(name).get_rope_index if own else tt.MRope.from_config(model_of(name).config)
    alone = [by_model(name, sample) for sample in samples]
    packs = [samples[:5], samples[5:]]
    for fields, axes in (("transformers", 4), ("swift", 3), ("megatron", 3)):
        batch = tt.collate_packed(packs, fields, mrope=rope)
        positions = batch["position_ids"]
        assert positions.shape == (axes, 2, batch["input_ids"].shape[1])
        for row, documents in enumerate((alone[:5], alone[5:])):
            expected = torch.cat(documents, dim=1)
            assert torch.equal(positions[-3:, row, : expected.shape[1]], expected)
        ends = np.cumsum([len(sample["input_ids"]) for sample in packs[0]])
        assert tt.document_boundaries(batch)[: len(ends) + 1].tolist() == [0, *ends]
        for grid in ("image_grid_thw", "video_grid_thw"):
            assert torch.equal(batch[grid], torch.cat([sample[grid] for sample in samples if grid in sample]))
    for side in ("left", "right"):
        batch = tt.collate_padded(samples, side=side, mrope=rope)
        shown = batch["attention_mask"].bool()
        assert torch.equal(batch["position_ids"][:, shown], torch.cat(alone, dim=1))


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("side", ["left", "right"])
def test_hidden_tokens_have_no_positions_of_their_own(name: str, side: str) -> None:
    samples = samples_for(name)
    for sample in samples[::2]:  # the last one has no pictures
        sample["attention_mask"] = torch.ones_like(sample["input_ids"])
        sample["attention_mask"][[0, -1]] = 0
    for rope in (model_of(name).get_rope_index, tt.MRope.from_config(model_of(name).config)):
        batch = tt.collate_padded(samples, side=side, mrope=rope)
        grids = {key: value for key, value in batch.items() if key.endswith("_thw") or key == "second_per_grid_ts"}
        rows = {key: batch[key] for key in ("input_ids", "mm_token_type_ids", "attention_mask")}
        expected, _ = model_of(name).get_rope_index(**rows, **grids)
        assert torch.equal(batch["position_ids"], expected)


def test_pictures_that_do_not_match_their_tokens_are_named() -> None:
    rope = tt.MRope(image_token_id=IMAGE)
    text = {"input_ids": [TEXT]}
    for ids, grids, message in (
        ([TEXT, IMAGE, IMAGE], [[1, 2, 6]], r"sample 1 to match its grids.* 3 tokens for grid \[1, 2, 6\], got 2"),
        ([TEXT, IMAGE, IMAGE], [[1, 2, 2]], "a row of image_grid_thw for each picture, got too few"),
        ([TEXT, TEXT], [[1, 2, 2]], "tokens for each picture, got 1 without"),
        ([IMAGE], [1, 2, 2], r"image_grid_thw of shape \[pictures, 3\], got \[3\]"),
    ):
        with pytest.raises(ValueError, match=message):
            tt.collate_packed([text, {"input_ids": ids, "image_grid_thw": grids}], mrope=rope)
    with pytest.raises(ValueError, match="vision_config of Qwen's"):
        tt.MRope.from_config(object())
