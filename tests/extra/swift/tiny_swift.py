"""Models, data and runs for ms-swift that need no hub, no GPU and no torchvision."""

from __future__ import annotations

import json
import sys
from types import ModuleType

import tiny_models as tiny
import torch
from swift.arguments import SftArguments
from swift.callbacks import TrainerCallback, callbacks_map
from swift.model import Model, ModelArch, ModelGroup, ModelMeta, register_model
from swift.model.register import ModelLoader
from swift.pipelines import sft_main
from swift.template import TemplateType
from swift.template.templates.qwen import Qwen3VLTemplate
from transformers import AutoTokenizer, Qwen3VLForConditionalGeneration

from typetally.demo.model import build_processor
from typetally.demo.shapes import QUESTION, draw_scene

VISION = "tiny_qwen3_vl"
_trainers = []


class Capture(TrainerCallback):
    """Hands the trainer to `train`."""

    def on_init_end(self, args, state, control, **kwargs):
        _trainers.append(self.trainer)


class TinyLoader(ModelLoader):
    """Loads a Qwen3-VL with the demo's processor: the published one, and qwen_vl_utils, need torchvision."""

    def get_processor(self, model_dir, config):
        processor = build_processor(AutoTokenizer.from_pretrained(model_dir), tiny.SIDE)
        Qwen3VLTemplate.image_token_id = processor.image_token_id  # it has the published tokenizer's
        sys.modules["qwen_vl_utils"] = module = ModuleType("qwen_vl_utils")
        module.fetch_image = lambda found, **_: found["image"].convert("RGB").resize((tiny.SIDE, tiny.SIDE))
        module.fetch_video = None
        return processor

    def get_model(self, model_dir, config, processor, model_kwargs):
        self.auto_model_cls = Qwen3VLForConditionalGeneration
        return super().get_model(model_dir, config, processor, model_kwargs)


callbacks_map["capture"] = Capture
_qwen3_vl = [ModelGroup([Model(VISION, VISION)], TemplateType.qwen3_vl)]
register_model(
    ModelMeta(
        VISION,
        _qwen3_vl,
        TinyLoader,
        model_arch=ModelArch.qwen3_vl,
        architectures=["Qwen3VLForConditionalGeneration"],
    )
)


def allow_packing_without_flash_attention(self):
    """ms-swift refuses packed rows without it, though Transformers keeps a text model's documents apart."""
    self.padding_free = self.padding_free or self.packing


SftArguments._check_padding_free = allow_packing_without_flash_attention


def save_models(folder):
    """A text and a vision model, right about some tokens and wrong about others."""
    text = tiny.text_model()
    optimizer = torch.optim.AdamW(text.parameters(), lr=1e-2)
    for step in range(30):
        text(**tiny.pack(tiny.text_samples(8, first=8 * (step % 3)))).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    for name, model in (("text", text), ("vision", tiny.trained_vision_model())):
        model.save_pretrained(folder / name)
        tiny.tokenizer().save_pretrained(folder / name)


def write_rows(path, count, first=0, pictures=False):
    """Conversations in ms-swift's format; every third has two answers."""
    lines = []
    for seed in range(first, first + count):
        scene = draw_scene(seed)
        question = "<image>" + QUESTION if pictures else QUESTION
        messages = [{"role": "user", "content": question}, {"role": "assistant", "content": scene.answer}]
        if seed % 3 == 0:
            messages.append({"role": "user", "content": "And in the next picture?"})
            messages.append({"role": "assistant", "content": draw_scene(seed + 500).answer})
        line = {"messages": messages, "channel": "lvis" if seed % 2 else "coco"}
        if pictures:
            picture = path.with_name(f"{seed}.png")
            scene.image.save(picture)
            line["images"] = [str(picture)]
        lines.append(json.dumps(line))
    path.write_text("\n".join(lines) + "\n")


def command(models, out, model="text", **options):
    """The arguments of `swift sft`, each of which `options` may replace."""
    kind = {"model_type": VISION} if model == "vision" else {"model_type": "qwen3", "template": "qwen3"}
    given = {
        "model": models / model,
        "dataset": models / f"{model}.jsonl",
        "val_dataset": models / f"{model}_held.jsonl",
        "output_dir": out,
        "add_version": False,
        "check_model": False,
        "tuner_type": "full",
        "torch_dtype": "float32",
        "use_cpu": True,
        "per_device_train_batch_size": 2,
        "per_device_eval_batch_size": 2,
        "gradient_accumulation_steps": 1,
        "num_train_epochs": 1,
        "logging_first_step": False,
        "save_strategy": "no",
        "report_to": "none",
        "dataloader_num_workers": 0,
    }
    return [word for key, value in (given | kind | options).items() for word in (f"--{key}", str(value))]


def train(models, out, *callbacks, model="text", **options):
    """Runs ms-swift in this process. Returns its trainer."""
    sft_main([*command(models, out, model, **options), "--callbacks", *callbacks, "capture"])
    return _trainers.pop()
