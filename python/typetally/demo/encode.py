"""From a conversation with pictures to one training sample."""

from __future__ import annotations

from typing import Any, cast

import torch
from PIL import Image
from transformers import Qwen3VLForConditionalGeneration

from typetally.base.token_type import IGNORE_INDEX
from typetally.demo.model import PictureProcessor
from typetally.demo.shapes import QUESTION, Scene

Message = dict[str, Any]
"""`{"role": ..., "content": text or [{"type": "text", "text": ...} | {"type": "image", "image": PIL image}]}`."""

Sample = dict[str, torch.Tensor]


def scene_messages(scene: Scene) -> list[Message]:
    """The conversation about a scene: the picture and the question, then the answer."""
    question = [{"type": "image", "image": scene.image}, {"type": "text", "text": QUESTION}]
    return [{"role": "user", "content": question}, {"role": "assistant", "content": scene.answer}]


def encode(messages: list[Message], processor: PictureProcessor, model: Qwen3VLForConditionalGeneration) -> Sample:
    """One sample of T tokens; what the assistant says, each turn's closing `<|im_end|>` and newline, is supervised.

    int64 `input_ids`, `labels`, `mm_token_type_ids` `[T]`; `position_ids` `[4, T]` (text, time, height, width: the text
    row is what keeps packed documents apart); with pictures float32 `pixel_values` `[patches, values]` and
    `image_grid_thw` `[pictures, 3]`.
    """
    sample: Sample = {}
    images = images_of(messages)
    if images:
        sample.update(processor.image_processor(images=images, return_tensors="pt"))
    ids: list[int] = []
    labels: list[int] = []
    pictures = iter(sample.get("image_grid_thw", torch.empty(0, 3)).tolist())
    for text, supervised in _segments(messages, processor):
        segment = _tokenize(text, processor, pictures)
        ids += segment
        labels += segment if supervised else [IGNORE_INDEX] * len(segment)
    sample["input_ids"] = torch.tensor(ids)
    sample["labels"] = torch.tensor(labels)
    sample["mm_token_type_ids"] = (sample["input_ids"] == processor.image_token_id).long()
    sample["position_ids"] = _positions(sample, model)
    return sample


def images_of(messages: list[Message]) -> list[Image.Image]:
    """The pictures of a conversation, in order."""
    parts = [part for message in messages if not isinstance(message["content"], str) for part in message["content"]]
    return [part["image"].convert("RGB") for part in parts if part["type"] == "image"]


def _segments(messages: list[Message], processor: PictureProcessor) -> list[tuple[str, bool]]:
    """The conversation's text in order, cut where supervision begins and ends. Segments are tokenised apart, so an
    answer's ids are the same whatever stands before it."""
    segments = []
    done = 0
    for turn, message in enumerate(messages):
        supervised = message["role"] == "assistant"
        if supervised:
            prompt = processor.apply_chat_template(messages[:turn], tokenize=False, add_generation_prompt=True)
            segments.append((prompt[done:], False))
            done = len(prompt)
        whole = processor.apply_chat_template(messages[: turn + 1], tokenize=False)
        segments.append((whole[done:], supervised))
        done = len(whole)
    return segments


def _tokenize(text: str, processor: PictureProcessor, pictures: Any) -> list[int]:
    """Ids of `text`, with each picture's one placeholder repeated for each of its merged patches."""
    merged = processor.image_processor.merge_size**2
    pieces = text.split(processor.image_token)
    for at, (time, height, width) in zip(range(len(pieces) - 1), pictures, strict=False):
        pieces[at] += processor.image_token * (time * height * width // merged)
    return cast(list[int], processor.tokenizer("".join(pieces), add_special_tokens=False)["input_ids"])


def _positions(sample: Sample, model: Qwen3VLForConditionalGeneration) -> torch.Tensor:
    count = len(sample["input_ids"])
    text = torch.arange(count)[None]
    if "image_grid_thw" not in sample:
        return text.expand(4, -1)
    rope, _ = model.model.get_rope_index(
        sample["input_ids"][None], sample["mm_token_type_ids"][None], sample["image_grid_thw"]
    )
    return torch.cat([text, rope[:, 0]])
