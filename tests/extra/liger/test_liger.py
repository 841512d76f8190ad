"""Hugging Face's Trainer with Liger's fused linear cross entropy, which makes no logits in training."""

import logging

import pytest
import tiny_models as tiny
from conftest import ROOT
from trainer_oracle import CopySpy, check_log
from transformers import Trainer

import typetally as tt

# Whole layers in the interpreter take minutes; the loss is what takes the logits away.
FUSED = {"rope": False, "rms_norm": False, "swiglu": False, "fused_linear_cross_entropy": True}


def text_trainer(folder, base, liger=True, **options):
    return Trainer(
        model=tiny.text_model(),
        args=tiny.arguments(folder, use_liger_kernel=liger, liger_kernel_config=FUSED if liger else None, **options),
        train_dataset=tiny.text_samples(12),
        eval_dataset=tiny.text_samples(5, first=100),
        data_collator=base,
        processing_class=tiny.tokenizer(),
    )


@pytest.mark.parametrize("base", [tiny.pack, tiny.pad])
def test_every_logged_figure_is_that_of_the_raw_batches(tmp_path, caplog, base):
    trainer = text_trainer(tmp_path, base, eval_strategy="steps", eval_steps=2)
    handle = tt.attach(trainer)
    samples = [*tiny.text_samples(12), *tiny.text_samples(5, first=100)]
    spy = CopySpy(trainer, samples, tiny.sample_types(samples))
    without = []
    trainer.model.register_forward_hook(lambda _, __, outputs: without.append(outputs.logits is None))
    trainer.train()
    assert without
    assert all(without)
    check_log(trainer, spy, relative=1e-5)
    assert handle.typed_in_hook == 0
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING and "typetally" in record.name]


def test_the_documents_figures_are_those_of_a_run(tmp_path):
    rows = []
    for name, liger in (("Liger, hidden states", True), ("without, logits", False)):
        trainer = text_trainer(tmp_path, tiny.pack, liger, max_steps=6, logging_steps=6)
        tt.attach(trainer)
        trainer.train()
        line = trainer.state.log_history[0]
        figures = " | ".join(f"{line[key]:.2f}" for key in ("token_loss", "desc_entropy", "coord_entropy"))
        rows.append(f"| {name} | {figures} | {line['token_acc']:.3f} | {line['coord_token_acc']:.3f} |")
    print("\n".join(rows))
    assert all(row in (ROOT / "docs" / "trainers.md").read_text() for row in rows)
