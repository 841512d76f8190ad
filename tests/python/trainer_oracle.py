"""What a trainer's log should hold: design section 5 in float64, one target at a time, from the model's raw inputs and
outputs, which a hook of its own captures. Knows the samples, not the package's collator, boundaries or placement."""

from __future__ import annotations

import copy
import math
import re
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import torch

NAMES = {1: "desc", 2: "coord", 3: "format"}


@dataclass
class Sums:
    count: int = 0
    correct: int = 0
    nll: float = 0.0
    entropy: float = 0.0


@dataclass
class Oracle:
    """Sums by type (-1: untyped) over any number of micro-batches."""

    batches: int = 0
    by_type: dict[int, Sums] = field(default_factory=dict)
    near_ties: int = 0  # targets whose two highest logits lie within 1e-4: float32 may choose either

    def add(self, documents):
        """One micro-batch: (logits [n, V], labels [n], types [n]) of each document in it."""
        self.batches += 1
        for logits, labels, types in documents:
            kept = np.flatnonzero(np.asarray(labels[1:]) != -100)
            rows = logits[kept].double()
            log_p = torch.log_softmax(rows, -1)
            top = rows.topk(2).values
            self.near_ties += int((top[:, 0] - top[:, 1] < 1e-4).sum())
            for k, at in enumerate(kept):
                label, sums = int(labels[at + 1]), self.by_type.setdefault(int(types[at + 1]), Sums())
                sums.count += 1
                sums.correct += int(rows[k].argmax()) == label
                sums.nll -= float(log_p[k, label])
                sums.entropy -= float((log_p[k].exp() * log_p[k]).sum())

    def total(self, name):
        return sum(getattr(sums, name) for sums in self.by_type.values())

    def metrics(self):
        count = self.total("count")
        if not count:
            return {}
        out = {"loss": self.total("nll") / count, "token_acc": self.total("correct") / count}
        out["token_count"] = count / self.batches
        for kind, name in NAMES.items():
            if kind in self.by_type:
                sums = self.by_type[kind]
                out[f"{name}_token_acc"] = sums.correct / sums.count
                out[f"{name}_entropy"] = sums.entropy / sums.count
                out[f"{name}_token_count"] = sums.count / self.batches
        return out


class Spy:
    """Captures every forward of a trainer's model that has a training step or an evaluation around it."""

    def __init__(self, trainer, samples, types):
        """types: of each sample, as they should be; samples are told apart by their input_ids."""
        self.trainer = trainer
        self.known = {
            tuple(np.asarray(sample["input_ids"]).tolist()): (np.asarray(sample["labels"]), kinds)
            for sample, kinds in zip(samples, types, strict=True)
        }
        self.seen = []  # (training, global_step, documents)
        model = trainer.model
        while hasattr(model, "_orig_mod"):
            model = model._orig_mod
        model.register_forward_hook(self._capture, with_kwargs=True)

    def _capture(self, module, args, kwargs, outputs):
        assert "token_types" not in kwargs
        logits, ids = self._logits(module, kwargs, outputs), kwargs["input_ids"]
        documents = []
        for row in range(len(ids)):
            for begin, end in self._documents(row, ids, kwargs):
                labels, types = self._supervision(kwargs, row, begin, end)
                documents.append((logits[row, begin:end], labels, types))
        self.seen.append((module.training, self.trainer.state.global_step, documents))

    def _logits(self, module, kwargs, outputs):
        return outputs.logits.detach()

    def _supervision(self, kwargs, row, begin, end):
        """Labels and types of the document that fills [begin, end) of a row."""
        return self.known[tuple(kwargs["input_ids"][row, begin:end].tolist())]

    @staticmethod
    def _documents(row, ids, kwargs):
        mask, positions = kwargs.get("attention_mask"), kwargs.get("position_ids")
        if mask is not None:
            real = mask[row].nonzero()[:, 0].tolist()
            return [(real[0], real[-1] + 1)]
        text = positions[0, row] if positions.ndim == 3 else positions[row]
        return pairwise([*(text == 0).nonzero()[:, 0].tolist(), ids.shape[1]])

    def oracle(self, training, first, last):
        """Over micro-batches of optimizer steps first + 1 .. last (training), or evaluations after them."""
        oracle = Oracle()
        for mode, step, documents in self.seen:
            if mode is training and first <= step < last:
                oracle.add(documents)
        return oracle


class CopySpy(Spy):
    """For trainers that hide their logits: makes those of each micro-batch by a copy of the model as it is then, from
    the raw inputs, in float64, or as the trainer does it in autocast's dtype."""

    INPUTS = ("input_ids", "attention_mask", "position_ids", "mm_token_type_ids", "pixel_values", "image_grid_thw")

    def __init__(self, trainer, samples, types, autocast=None):
        super().__init__(trainer, samples, types)
        self.autocast = autocast
        self.counted = True
        inner = trainer.compute_loss

        def compute_loss(*args, **kwargs):
            self.counted = False
            return inner(*args, **kwargs)

        trainer.compute_loss = compute_loss

    def _capture(self, module, args, kwargs, outputs):
        if not self.counted:  # the first forward of each compute_loss
            self.counted = True
            super()._capture(module, args, kwargs, outputs)

    def _logits(self, module, kwargs, outputs):
        model = self._copy(module).eval().to(torch.float32 if self.autocast else torch.float64)
        inputs = {key: kwargs[key] for key in self.INPUTS if kwargs.get(key) is not None}
        with torch.no_grad(), torch.autocast("cpu", self.autocast or torch.bfloat16, enabled=self.autocast is not None):
            return model(**inputs, use_cache=False).logits

    @staticmethod
    def _copy(module):
        """Without anybody's hooks, and with its class's own forward."""
        inner = module.get_base_model() if hasattr(module, "get_base_model") else module
        forward, before, after = vars(inner).pop("forward", None), module._forward_pre_hooks, module._forward_hooks
        module._forward_pre_hooks, module._forward_hooks = {}, {}
        try:
            return copy.deepcopy(module)
        finally:
            module._forward_pre_hooks, module._forward_hooks = before, after
            if forward is not None:
                inner.forward = forward


def prefixed(metrics, prefix, taken):
    """As they should stand in a line that has the keys `taken`."""
    out = {}
    for key, value in metrics.items():
        name = prefix + key
        if name in taken:
            name = prefix + ("token_loss" if key == "loss" else f"typetally_{key}")
        out[name] = value
    return out


def check_log(trainer, spy, relative=1e-6):
    """Every line of the log holds the metrics of its window under the right names, and nothing else of ours."""
    checked = {"train": 0, "eval": 0}
    last = 0
    for line in trainer.state.log_history:
        theirs = {key for key in line if key not in ours(line)}
        if "eval_loss" in line:
            expected = spy.oracle(False, line["step"], line["step"] + 1).metrics()
            assert_metrics(ours(line), prefixed(expected, "eval_", theirs), relative)
            checked["eval"] += 1
        else:
            ended = "train_runtime" in line
            expected = spy.oracle(True, last, line["step"]).metrics()
            assert_metrics(ours(line), prefixed(expected, "train_" if ended else "", theirs), relative)
            last = line["step"]
            checked["train"] += 1
    assert checked == {"train": 3, "eval": 3}


TRL_KEYS = re.compile("(eval_|test_|train_)?(entropy|mean_token_accuracy|num_tokens)")


def ours(line):
    """The part of a log line that is typetally's."""
    words = ("token_acc", "token_loss", "token_count", "_entropy", "typetally", "tokens_total", "_frac", "top5")
    found = {key: value for key, value in line.items() if any(word in key for word in words)}
    return {key: value for key, value in found.items() if not TRL_KEYS.fullmatch(key)}


def assert_metrics(got, expected, relative=1e-6):
    """The same names, and the same values to `relative`."""
    assert sorted(got) == sorted(expected)
    for name, value in expected.items():
        assert math.isclose(got[name], value, rel_tol=relative, abs_tol=1e-9), (name, got[name], value)
