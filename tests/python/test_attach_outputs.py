"""attach reads the same figures from logits, from per-token results and from hidden states."""

import logging
from dataclasses import dataclass

import pytest
import tiny_models as tiny
import torch
from peft import LoraConfig, get_peft_model
from trainer_oracle import assert_metrics, ours
from transformers import Trainer
from transformers.utils import ModelOutput

import typetally as tt


@dataclass
class PerToken(ModelOutput):
    loss: torch.Tensor | None = None
    log_probs: torch.Tensor | None = None
    entropy: torch.Tensor | None = None
    is_top1: torch.Tensor | None = None
    label_mask: torch.Tensor | None = None


def as_tokens(loss, logits, labels):
    """As TRL 1.15 and later return them: [B, T - 1], zeros where the label is ignored."""
    scored, rows = labels[:, 1:], logits[:, :-1].detach()
    mask = scored != -100
    log_p = rows.log_softmax(-1)
    own = log_p.gather(-1, scored.clamp(min=0)[..., None])[..., 0]
    entropy = -(log_p.exp() * log_p).sum(-1)
    zeroed = (values.masked_fill(~mask, 0) for values in (own, entropy))
    return PerToken(loss, *zeroed, (rows.argmax(-1) == scored) & mask, mask)


ROUTES = {
    "logits": None,
    "tokens": as_tokens,
    "tokens of virtual tokens too": lambda *given: PerToken(
        *(v if v.ndim == 0 else torch.nn.functional.pad(v, (3, 0)) for v in as_tokens(*given).to_tuple())
    ),
    "hidden": lambda loss, logits, labels: PerToken(loss),
    "hidden in a tuple": lambda loss, logits, labels: (loss,),
}


def train(folder, make, base, peft=False, **options):
    model = tiny.trained_vision_model(torch.float64)
    if make is not None:
        model = tiny.without_logits(model, make)
    if peft:  # its tuner calls the inner forward past the hooks of the inner model
        torch.manual_seed(0)
        model = get_peft_model(model, LoraConfig(r=2, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM"))
    samples = tiny.vision_samples(6)
    trainer = Trainer(
        model=model,
        args=tiny.arguments(folder, **({"max_steps": 3, "logging_steps": 1, "learning_rate": 1e-3} | options)),
        train_dataset=samples,
        eval_dataset=samples[:3],
        data_collator=base,
        processing_class=tiny.processor(),
    )
    tt.attach(trainer, config=tt.TokenTypeMetricsConfig(include=("*",), extended=True))
    trainer.train()
    trainer.evaluate()
    return [ours(line) for line in trainer.state.log_history]


@pytest.mark.parametrize("options", [{}, {"gradient_checkpointing": True}, {"peft": True}], ids=str)
@pytest.mark.parametrize("base", [tiny.pack, tiny.pad])
def test_every_route_logs_the_same_figures(tmp_path, base, options):
    expected = train(tmp_path, None, base, **options)
    assert expected[0]["coord_token_count"] > 0
    assert "token_acc_top5" in expected[0]
    for name, make in ROUTES.items():
        got = train(tmp_path, make, base, **options)
        for line, wanted in zip(got, expected, strict=True):
            if "tokens" in name:  # ranks beyond the first are not known
                wanted = {key: value for key, value in wanted.items() if "top5" not in key}
            assert_metrics(line, wanted, relative=1e-9)


def test_no_graph_is_kept_alive_between_forwards(tmp_path):
    model = tiny.without_logits(tiny.text_model(), ROUTES["hidden"])
    trainer = Trainer(
        model=model,
        args=tiny.arguments(tmp_path),
        train_dataset=tiny.text_samples(2),
        data_collator=tiny.pad,
        processing_class=tiny.tokenizer(),
    )
    handle = tt.attach(trainer)
    batch = tiny.pad(tiny.text_samples(2))
    model.train()
    model.model(input_ids=batch["input_ids"])  # someone runs the backbone alone
    assert handle._hooks._backbone._last is None
    trainer.compute_loss(model, batch)
    assert handle._hooks._backbone._last is None


@pytest.mark.parametrize("fault", ["no backbone", "adapter"])
def test_a_head_that_cannot_be_read_is_said_so_and_training_goes_on(tmp_path, caplog, fault):
    model = tiny.without_logits(tiny.text_model(), ROUTES["hidden"])
    if fault == "adapter":
        model = get_peft_model(model, LoraConfig(r=2, target_modules=["lm_head"], task_type="CAUSAL_LM"))
    trainer = Trainer(
        model=model,
        args=tiny.arguments(tmp_path, max_steps=2),
        train_dataset=tiny.text_samples(4),
        data_collator=tiny.pad,
        processing_class=tiny.tokenizer(),
    )
    handle = tt.attach(trainer)
    if fault == "no backbone":
        handle._hooks._backbone.remove()
    trainer.train()
    assert ours(trainer.state.log_history[0]) == {"typetally_errors": 2}
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert ("LoRA" if fault == "adapter" else "no hidden states of a backbone") in str(record.exc_info[1])
