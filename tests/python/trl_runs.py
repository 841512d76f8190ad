"""Trainings with TRL's SFTTrainer, which hides its logits, over data as TRL takes it. Runs on TRL 1.16 (per-token
results) and on 1.14 (logits, or hidden states under `chunked_nll`)."""

from __future__ import annotations

import copy
import functools

import datasets
import numpy as np
import tiny_models as tiny
import torch
import trl
from packaging.version import Version
from trainer_oracle import CopySpy
from trl import SFTConfig, SFTTrainer

from typetally.demo.encode import scene_messages
from typetally.demo.shapes import draw_scene

PER_TOKEN = Version(trl.__version__) >= Version("1.15")
"""Whether forwards return per-token results; before, they return logits, or neither under `chunked_nll`."""

READS = ("per-token results", "logits") if PER_TOKEN else ("logits", "hidden states")
"""What attach reads under a default or own loss, or under `nll` and `chunked_nll`."""

if PER_TOKEN:
    from trl.trainer.utils import add_fused_lm_head
else:
    add_fused_lm_head = None

TEXT_QUESTION = "Name the shapes."
GENERATION_TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{% if m['role'] == 'assistant' %}{% generation %}"
    "{{ m['content'] }}<|im_end|>\n{% endgeneration %}{% else %}{{ m['content'] }}<|im_end|>\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


class TrlSpy(CopySpy):
    """Makes sure that TRL hid its logits, and knows rows that TRL has cut."""

    def _logits(self, module, kwargs, outputs):
        if PER_TOKEN and kwargs.get("fused_lm_head"):
            assert outputs.log_probs is not None
            assert getattr(outputs, "logits", None) is None
        return super()._logits(module, kwargs, outputs)

    def _supervision(self, kwargs, row, begin, end):
        ids = tuple(kwargs["input_ids"][row, begin:end].tolist())
        if ids in self.known:
            return self.known[ids]
        # A row that was cut without regard to samples: all of it is one document, whose text is typed as it stands.
        assert begin == 0
        return np.asarray(ids), tiny.sample_types([{"labels": ids}])[0]


def rows(count, kind, first=0):
    """Samples as users hand them to TRL: `kind` is "completion", "messages" or "vision"."""
    made = []
    for seed in range(first, first + count):
        user, assistant = scene_messages(draw_scene(seed))
        if kind == "vision":
            picture, user["content"] = user["content"][0]["image"], [{"type": "image"}, user["content"][1]]
            assistant["content"] = [{"type": "text", "text": assistant["content"]}]
            made.append({"prompt": [user], "completion": [assistant], "images": [picture]})
        else:
            user["content"] = TEXT_QUESTION
            split = {"prompt": [user], "completion": [assistant]}
            made.append(split if kind == "completion" else {"messages": [user, assistant]})
    return datasets.Dataset.from_list(made)


@functools.cache
def encoded(count, kind, supervised="answer", first=0):
    """The same samples as ids and labels, by the chat template alone."""
    tok, samples = tiny.tokenizer(), []
    if kind == "vision":
        model = tiny.vision_model()
        scenes = (scene_messages(draw_scene(seed)) for seed in range(first, first + count))
        return [tiny.encode(messages, tiny.processor(), model) for messages in scenes]
    for seed in range(first, first + count):
        answer = draw_scene(seed).answer
        prompt = f"<|im_start|>user\n{TEXT_QUESTION}<|im_end|>\n<|im_start|>assistant\n"
        ids = [tok(text, add_special_tokens=False)["input_ids"] for text in (prompt, f"{answer}<|im_end|>\n")]
        labels = [*(ids[0] if supervised == "all" else [-100] * len(ids[0])), *ids[1]]
        samples.append({"input_ids": ids[0] + ids[1], "labels": labels})
    return samples


def config(folder, **options):
    own = {
        "eval_strategy": "steps",
        "eval_steps": 2,
        "max_length": 512,
        "bf16": False,
        "gradient_checkpointing": False,
    }
    return SFTConfig(str(folder), **(tiny.SHORT | own | options))


def sft_trainer(folder, kind, held=None, dtype=torch.float64, model=None, template=None, **options):
    more = {key: options.pop(key) for key in ("peft_config", "compute_loss_func") if key in options}
    processor = copy.deepcopy(tiny.processor() if kind == "vision" else tiny.tokenizer())
    if template is not None:
        processor.chat_template = template
    if model is None:
        model = tiny.trained_vision_model(dtype) if kind == "vision" else tiny.text_model(dtype)
    return SFTTrainer(
        model=model,
        args=config(folder, **options),
        train_dataset=rows(12, kind),
        eval_dataset=rows(5, kind, first=100) if held is None else held,
        processing_class=processor,
        **more,
    )


def tokenized_trainer(folder, model, samples, collate, reads, options):
    """An SFTTrainer over samples that are ids and labels already, which its collator looks up."""
    if PER_TOKEN:
        own = {"compute_loss_func": own_loss} if reads == "logits" else {}
        loss = {}
    else:
        own, loss = {}, {"loss_type": "nll" if reads == "logits" else "chunked_nll"}
    rows = datasets.Dataset.from_dict({"sample": range(len(samples))})
    skip = {"dataset_kwargs": {"skip_prepare_dataset": True}, "remove_unused_columns": False, "eval_strategy": "no"}
    return SFTTrainer(
        model=model,
        args=config(folder, **(skip | {"max_length": None} | loss | options)),
        train_dataset=rows,
        data_collator=lambda batch: collate([samples[row["sample"]] for row in batch]),
        processing_class=copy.deepcopy(tiny.processor()),
        **own,
    )


def own_loss(outputs, labels, num_items_in_batch=None):
    logits = outputs.logits[:, :-1].flatten(0, 1)
    return torch.nn.functional.cross_entropy(logits, labels[:, 1:].flatten())
