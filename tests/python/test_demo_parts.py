"""The demo's parts: exact boxes, Qwen's own ids, a model that keeps packed documents apart."""

import json

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import tiktoken
import torch

from typetally.demo.encode import encode, scene_messages
from typetally.demo.model import build_model, build_processor
from typetally.demo.shapes import SIDE, draw_scene
from typetally.demo.tokenizer import PATTERN, build_tokenizer, merges_of, read_ranks

TEXTS = [
    '{"objects": [{"desc": "red circle", "bbox_2d": [0, 250, 500, 1000]}]}',
    "def f(x):\n\treturn x  # twice   the spaces\r\n\n\n",
    "Die Größe — naïve café, 你好，世界 🌍👩‍👩‍👧 Привет мир ἀρχή עברית",
    "I'll WE'RE 1234567890 3.14e-10 <|not_special|> \u00a0\u2028 end ",
]


@pytest.fixture(scope="module")
def tokenizer():
    return build_tokenizer(merges=2000)


@pytest.mark.parametrize("merges", [0, 2000])
def test_ids_are_tiktokens_with_the_same_ranks(merges):
    tokens = read_ranks(256 + merges)
    oracle = tiktoken.Encoding(
        "prefix", pat_str=PATTERN, mergeable_ranks={t: r for r, t in enumerate(tokens)}, special_tokens={}
    )
    tokenizer = build_tokenizer(merges=merges)
    for text in [*TEXTS, *(draw_scene(seed).answer for seed in range(50))]:
        assert tokenizer(text, add_special_tokens=False)["input_ids"] == oracle.encode_ordinary(text)
        assert tokenizer.decode(oracle.encode_ordinary(text)) == text


def test_special_tokens_follow_the_merges_without_a_hole(tokenizer):
    assert sorted(tokenizer.get_vocab().values()) == list(range(len(tokenizer)))
    assert tokenizer("<|im_end|>", add_special_tokens=False)["input_ids"] == [2256 + 2]


def test_ranks_that_are_no_bpe_are_refused():
    tokens = [*read_ranks(256), b"abc"]
    with pytest.raises(ValueError, match=r"\[merges_of\] expected token 256 \(b'abc'\)"):
        merges_of(tokens)


def test_boxes_are_the_exact_extents_of_what_is_drawn():
    for seed in range(2000):
        scene = draw_scene(seed)
        pixels = np.asarray(scene.image)
        covered = np.zeros(pixels.shape[:2], dtype=bool)
        for shape in json.loads(scene.answer)["objects"]:
            x1, y1, x2, y2 = (v * SIDE // 1000 for v in shape["bbox_2d"])
            drawn = (pixels != 245).any(axis=-1)
            inside = drawn[y1:y2, x1:x2]
            assert inside.any(axis=0).all(), (seed, shape)
            assert inside.any(axis=1).all(), (seed, shape)
            covered[y1:y2, x1:x2] = True
        assert not (drawn & ~covered).any(), seed


def test_the_same_seed_draws_the_same_scene():
    assert draw_scene(7).answer == draw_scene(7).answer
    assert draw_scene(7).image.tobytes() == draw_scene(7).image.tobytes()
    assert len({draw_scene(seed).answer for seed in range(50)}) > 40


def test_labels_decode_to_the_answers_alone(tokenizer):
    processor, model = build_processor(tokenizer), build_model(tokenizer)
    messages = scene_messages(draw_scene(1)) + scene_messages(draw_scene(2))
    sample = encode(messages, processor, model)
    labels = sample["labels"]
    said = tokenizer.decode(labels[labels != -100])
    assert said == f"{draw_scene(1).answer}<|im_end|>\n{draw_scene(2).answer}<|im_end|>\n"
    assert torch.equal(sample["input_ids"][labels != -100], labels[labels != -100])
    assert int(sample["mm_token_type_ids"].sum()) == 2 * (SIDE // 32) ** 2
    assert sample["position_ids"].shape == (4, len(labels))


def test_packed_documents_do_not_see_each_other(tokenizer):
    processor, model = build_processor(tokenizer), build_model(tokenizer)
    samples = [encode(scene_messages(draw_scene(seed)), processor, model) for seed in range(3)]

    def logits(*documents):
        joined = {k: torch.cat([d[k] for d in documents]) for k in ("input_ids", "pixel_values", "image_grid_thw")}
        positions = torch.cat([d["position_ids"] for d in documents], dim=-1)[:, None]
        with torch.no_grad():
            joined["input_ids"] = joined["input_ids"][None]
            return model.eval()(**joined, position_ids=positions).logits[0]

    packed = logits(*samples)
    alone = torch.cat([logits(sample) for sample in samples])
    assert (packed - alone).abs().max() < 1e-4
    assert (logits(samples[0]) - logits(samples[0] | {"pixel_values": samples[1]["pixel_values"]})).abs().max() > 0.1
