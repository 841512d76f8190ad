"""What the examples train: a tiny Qwen3-VL, on drawn pictures and answers about them. No hub, no GPU."""

from torch import nn
from transformers import ProcessorMixin

from typetally.demo.encode import Sample, encode, scene_messages
from typetally.demo.model import build_model, build_processor
from typetally.demo.shapes import draw_scene
from typetally.demo.tokenizer import build_tokenizer


def tiny_task(count: int) -> tuple[nn.Module, ProcessorMixin, list[Sample]]:
    """The model, its processor and `count` encoded samples."""
    tokenizer = build_tokenizer(merges=300)
    processor, model = build_processor(tokenizer), build_model(tokenizer, hidden=64, layers=1)
    return model, processor, [encode(scene_messages(draw_scene(seed)), processor, model) for seed in range(count)]
