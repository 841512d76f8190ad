"""A tiny, randomly initialised Qwen3-VL and its processor: no hub, no torchvision."""

from __future__ import annotations

from typing import Any, cast

import torch
from transformers import (
    PreTrainedTokenizerFast,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
    Qwen3VLProcessor,
)
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from typetally.demo.shapes import SIDE

_PATCH = 16
_MERGE = 2


class PictureProcessor(Qwen3VLProcessor):
    """Qwen3-VL's processor for pictures alone: its video processor would need torchvision."""

    def check_argument_for_proper_class(self, name: str, arg: Any) -> Any:
        if name == "video_processor" and arg is None:
            return type(None)
        return super().check_argument_for_proper_class(name, arg)  # type: ignore[no-untyped-call]


def build_processor(tokenizer: PreTrainedTokenizerFast, side: int = SIDE) -> PictureProcessor:
    """A processor that scales each picture to about `side` x `side` pixels, keeping its aspect ratio."""
    pixels = {"shortest_edge": side * side, "longest_edge": side * side}
    pictures = Qwen2VLImageProcessorPil(
        patch_size=_PATCH,
        merge_size=_MERGE,
        temporal_patch_size=2,
        image_mean=[0.5] * 3,
        image_std=[0.5] * 3,
        size=pixels,
    )
    return PictureProcessor(  # type: ignore[no-untyped-call]
        pictures, tokenizer, None, chat_template=tokenizer.chat_template
    )


def build_model(
    tokenizer: PreTrainedTokenizerFast, *, hidden: int = 128, layers: int = 2, seed: int = 0
) -> Qwen3VLForConditionalGeneration:
    """A Qwen3-VL of about a million parameters with random weights, ready to train on packed rows.

    Its text model's `use_cache` is off: with a cache the model cannot see where packed documents begin, and
    Hugging Face's Trainer turns off only the outer `config.use_cache`.
    """
    torch.manual_seed(seed)

    def token_id(token: str) -> int:
        return cast(int, tokenizer.convert_tokens_to_ids(token))

    config = Qwen3VLConfig(
        text_config=_text_config(tokenizer, hidden, layers),
        vision_config=_vision_config(hidden),
        image_token_id=token_id("<|image_pad|>"),
        video_token_id=token_id("<|video_pad|>"),
        vision_start_token_id=token_id("<|vision_start|>"),
        vision_end_token_id=token_id("<|vision_end|>"),
    )
    return Qwen3VLForConditionalGeneration(config)


def _text_config(tokenizer: PreTrainedTokenizerFast, hidden: int, layers: int) -> dict[str, Any]:
    return {
        "vocab_size": len(tokenizer),
        "hidden_size": hidden,
        "intermediate_size": 2 * hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 32,
        "max_position_embeddings": 4096,
        "use_cache": False,
        # Weights of 0.02, the default for wide models, take a narrow one three times as many steps to get moving.
        "initializer_range": 0.06,
        "pad_token_id": tokenizer.pad_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": 10000.0,
            "mrope_section": [6, 5, 5],  # time, height, width: together half of head_dim
            "mrope_interleaved": True,
        },
    }


def _vision_config(hidden: int) -> dict[str, Any]:
    return {
        "depth": 2,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_heads": 4,
        "patch_size": _PATCH,
        "spatial_merge_size": _MERGE,
        "temporal_patch_size": 2,
        "out_hidden_size": hidden,
        "num_position_embeddings": 64,
        "deepstack_visual_indexes": [0],
        "initializer_range": 0.06,
    }
