"""attach as a guest: it leaves no trace, never stops a training, keeps the columns it needs, says what is wrong."""

import logging
from types import SimpleNamespace
from unittest.mock import patch

import numpy as np
import pytest
import tiny_models as tiny
import torch
from datasets import Dataset
from trainer_oracle import Spy, assert_metrics, ours, prefixed
from transformers import (
    BertConfig,
    BertModel,
    DataCollatorForSeq2Seq,
    Qwen3ForSequenceClassification,
    T5Config,
    T5ForConditionalGeneration,
    Trainer,
)

import typetally as tt

SMALL = {
    "vocab_size": 20,
    "hidden_size": 8,
    "num_hidden_layers": 1,
    "num_attention_heads": 1,
    "intermediate_size": 8,
}


def text_trainer(folder, samples=None, base=tiny.pack, **options):
    return Trainer(
        model=options.pop("model", None) or tiny.text_model(),
        args=tiny.arguments(folder, **({"max_steps": 3, "logging_steps": 1} | options)),
        train_dataset=tiny.text_samples(12) if samples is None else samples,
        eval_dataset=tiny.text_samples(3, first=100),
        data_collator=base,
        processing_class=tiny.tokenizer(),
    )


def records(caplog, level):
    return [r for r in caplog.records if r.levelno == level and r.name.startswith("typetally")]


def state_of(trainer):
    """Everything that attach may touch, by identity."""
    model = trainer.model
    hooks = [list(getattr(model, name)) for name in vars(model) if "hooks" in name and "state_dict" not in name]
    return dict(vars(trainer)), list(trainer._signature_columns or []), dict(vars(model)), hooks


@pytest.mark.parametrize("remove_unused_columns", [True, False])
@pytest.mark.parametrize("own", [True, False])
def test_detach_leaves_no_trace(tmp_path, remove_unused_columns, own):
    trainer = text_trainer(tmp_path, remove_unused_columns=remove_unused_columns)
    if own:  # someone else's wrap, which has to stay
        inner = trainer.log
        trainer.log = lambda *args, **kwargs: inner(*args, **kwargs)
        trainer._set_signature_columns_if_needed()
    before = state_of(trainer)
    handle = tt.attach(trainer)
    assert state_of(trainer) != before
    handle.detach()
    handle.detach()
    after = state_of(trainer)
    assert before[0].keys() == after[0].keys()
    assert all(before[0][key] is after[0][key] for key in before[0])
    assert before[1:] == after[1:]
    trainer.train()
    assert not any(ours(line) for line in trainer.state.log_history)
    tt.attach(trainer).detach()


def test_a_wrap_put_around_ours_survives_detach(tmp_path):
    trainer = text_trainer(tmp_path)
    handle = tt.attach(trainer)
    inner, seen = trainer.log, []
    trainer.log = lambda logs, *args, **kwargs: (seen.append(logs), inner(logs, *args, **kwargs))
    handle.detach()
    trainer.train()
    assert seen
    assert not any(ours(line) for line in trainer.state.log_history)


def test_a_filter_that_matches_nothing_is_said_even_of_a_short_run(tmp_path, caplog):
    trainer = text_trainer(tmp_path)
    tt.attach(trainer, config=tt.TokenTypeMetricsConfig(extended=True))
    trainer.train()
    (warning,) = records(caplog, logging.WARNING)
    assert "no sample of the first 3 batches" in warning.getMessage()
    assert "'default'" in warning.getMessage()


def test_an_exception_in_a_hook_is_logged_once_counted_and_forgotten(tmp_path, caplog, monkeypatch):
    update, calls = tt.TokenTypeMeter.update, []

    def failing(self, **arguments):
        calls.append(self)
        if len(calls) in (1, 2):
            raise RuntimeError("out of order")
        update(self, **arguments)

    monkeypatch.setattr(tt.TokenTypeMeter, "update", failing)
    trainer = text_trainer(tmp_path)
    tt.attach(trainer)
    trainer.train()
    lines = [ours(line) for line in trainer.state.log_history]
    assert lines[0] == lines[1] == {"typetally_errors": 1}
    assert lines[2]["coord_token_count"] > 0
    assert "typetally_errors" not in lines[2]
    (record,) = records(caplog, logging.ERROR)
    assert record.exc_info[1].args == ("out of order",)


def test_a_batch_whose_boundaries_disagree_is_left_out_and_later_ones_go_on(tmp_path, caplog):
    samples = tiny.text_samples(12)
    made = []

    def second_is_wrong(rows):
        made.append(rows)
        batch = tiny.pack(rows)
        end = batch["labels"].shape[1]
        return batch | ({"cu_seq_lens_q": torch.tensor([0, 9, end], dtype=torch.int32)} if len(made) == 2 else {})

    trainer = text_trainer(tmp_path, samples, second_is_wrong)
    handle = tt.attach(trainer)
    spy = Spy(trainer, samples, tiny.sample_types(samples))
    with caplog.at_level(logging.DEBUG, logger="typetally"):
        trainer.train()
    lines = [ours(line) for line in trainer.state.log_history]
    assert lines[1] == {"typetally_errors": 1}
    for step in (1, 3):
        assert_metrics(lines[step - 1], prefixed(spy.oracle(True, step - 1, step).metrics(), "", {"loss"}))
    assert any("9" in record.getMessage() and "left out" in record.getMessage() for record in caplog.records)
    assert not records(caplog, logging.ERROR)
    assert handle.coverage().skipped == {"boundaries": 2}


@pytest.mark.parametrize("kind", [list, Dataset.from_list])
def test_columns_that_typing_needs_survive_the_trainers_filter_and_stay_from_the_collator(tmp_path, kind):
    samples = [
        {**sample, "metadata": {"dataset": "lvis" if k % 2 else "other"}, "note": "dropped"}
        for k, sample in enumerate(tiny.text_samples(6))
    ]
    pad, seen = DataCollatorForSeq2Seq(tiny.tokenizer()), set()

    def base(rows):
        seen.update(key for row in rows for key in row)
        return pad(rows)

    trainer = text_trainer(tmp_path, kind(samples), base, remove_unused_columns=True)
    handle = tt.attach(trainer, config=tt.TokenTypeMetricsConfig())
    types = [t if k % 2 else np.full_like(t, -1) for k, t in enumerate(tiny.sample_types(samples))]
    spy = Spy(trainer, samples, types)
    trainer.train()
    for step in (1, 2, 3):
        expected = prefixed(spy.oracle(True, step - 1, step).metrics(), "", {"loss"})
        assert_metrics(ours(trainer.state.log_history[step - 1]), expected)
    assert seen == {"input_ids", "labels"}
    assert handle.coverage() == tt.trainer.Coverage(samples=6, typed=3, skipped={"excluded": 3})


def test_a_collator_of_the_users_own_keeps_its_settings_and_is_put_back(tmp_path):
    samples = [{**sample, "answer": {"objects": []}} for sample in tiny.text_samples(4)]
    typer = tt.TokenTyper(tiny.tokenizer())
    own = tt.TokenTypeCollator(
        tiny.pack, typer, tt.TokenTypeMetricsConfig(include=("*",)), route="payload", payload_key="answer"
    )
    trainer = text_trainer(tmp_path, samples, own, max_steps=2, remove_unused_columns=True)
    handle = tt.attach(trainer)
    trainer.train()
    assert handle.coverage() == tt.trainer.Coverage(samples=4, skipped={"misaligned": 4})
    assert own.carry_notes is False
    handle.detach()
    assert trainer.data_collator is own


def test_the_coverage_line_ends_training(tmp_path, caplog):
    samples = [*tiny.text_samples(5), {"input_ids": [1, 2, 3], "labels": [-100, 2, len(tiny.tokenizer()) + 3]}]
    trainer = text_trainer(tmp_path, samples)
    tt.attach(trainer)
    trainer.train()
    (line,) = [record for record in records(caplog, logging.WARNING) if "samples seen" in record.getMessage()]
    assert "6 samples seen, 5 typed, 1 skipped (1 unknown_id)" in line.getMessage()


def test_one_warning_where_the_filter_matches_nothing(tmp_path, caplog):
    trainer = text_trainer(tmp_path, max_steps=12)
    tt.attach(trainer, config=tt.TokenTypeMetricsConfig())
    trainer.train()
    (warning,) = [record for record in records(caplog, logging.WARNING) if "include" in record.getMessage()]
    assert "'default'" in warning.getMessage()
    assert "coord_token_acc" not in trainer.state.log_history[-1]
    assert trainer.state.log_history[0]["token_count"] > 0


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("cache", [True, False])
def test_a_cache_under_packed_rows_is_warned_of_once(tmp_path, caplog, packed, cache):
    model = tiny.vision_model()
    model.config.text_config.use_cache = cache
    base = tiny.pack if packed else lambda rows: tiny.pad(rows, "left")
    trainer = text_trainer(tmp_path, tiny.vision_samples(6), base, model=model)
    trainer.processing_class = tiny.processor()
    tt.attach(trainer)
    trainer.train()
    warned = [record.getMessage() for record in records(caplog, logging.WARNING) if "see each other" in record.msg]
    assert len(warned) == (packed and cache)
    assert all("config.text_config.use_cache = False" in message for message in warned)


def test_packed_rows_with_a_mask_of_ones_are_warned_of(tmp_path, caplog):
    def base(rows):
        batch = tiny.pack(rows)
        return batch | {"attention_mask": torch.ones_like(batch["input_ids"])}

    trainer = text_trainer(tmp_path, base=base)
    tt.attach(trainer)
    trainer.train()
    assert [record.args[0] for record in records(caplog, logging.WARNING)] == [
        "the batch has an attention mask of ones"
    ]


def test_a_compiled_model_is_tallied_too(tmp_path):
    samples = tiny.text_samples(4)
    trainer = text_trainer(tmp_path, samples, tiny.pad, max_steps=2, torch_compile=True, torch_compile_backend="eager")
    tt.attach(trainer)
    spy = Spy(trainer, samples, tiny.sample_types(samples))
    trainer.train()
    for step in (1, 2):
        expected = prefixed(spy.oracle(True, step - 1, step).metrics(), "", {"loss"})
        assert_metrics(ours(trainer.state.log_history[step - 1]), expected)


def test_generation_and_callbacks_leave_the_windows_alone(tmp_path):
    from transformers import TrainerCallback

    batch = tiny.pad(tiny.text_samples(2, first=200))

    class Probe(TrainerCallback):
        def on_step_end(self, args, state, control, model=None, **kwargs):
            model.eval()
            model(**batch)
            model.generate(batch["input_ids"], attention_mask=batch["attention_mask"], max_new_tokens=2)
            model.train()

    lines = []
    for callbacks in ([], [Probe()]):
        torch.manual_seed(0)
        trainer = text_trainer(tmp_path)
        for callback in callbacks:
            trainer.add_callback(callback)
        tt.attach(trainer)
        trainer.train()
        lines.append([ours(line) for line in trainer.state.log_history])
    assert lines[0] == lines[1]


def test_prediction_without_labels_takes_our_entries_out_of_the_inputs(tmp_path):
    trainer = text_trainer(tmp_path, base=tiny.pad)
    trainer.label_names = []
    tt.attach(trainer)
    assert len(trainer.predict(tiny.text_samples(2)).predictions) == 2


def test_what_cannot_be_served_is_said_so(tmp_path):
    trainer = text_trainer(tmp_path)
    handle = tt.attach(trainer)
    with pytest.raises(ValueError, match=r"\[attach\] expected a trainer that is not attached"):
        tt.attach(trainer)
    with pytest.raises(ValueError, match="'train' or 'eval'"):
        handle.coverage("test")
    handle.detach()
    with pytest.raises(TypeError, match=r"got a TokenTypeMetricsConfig; pass config="):
        tt.attach(trainer, tt.TokenTypeMetricsConfig())
    trainer.processing_class = None
    with pytest.raises(ValueError, match="processing_class"):
        tt.attach(trainer)
    assert state_of(trainer)[3] == [[]] * len(state_of(trainer)[3])
    plain = trainer.model
    for trainer.args._n_gpu, trainer.model in ((2, plain), (1, torch.nn.DataParallel(plain))):
        with pytest.raises(ValueError, match="torchrun"):
            tt.attach(trainer, tt.TokenTyper(tiny.tokenizer()))
    with pytest.raises(ValueError, match="TokenTypeMeter"):
        tt.attach(object())


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (lambda: BertModel(BertConfig(**SMALL)), "BertModel; use the class with the language model's head"),
        (lambda: T5ForConditionalGeneration(T5Config(vocab_size=20, d_model=8, num_layers=1, num_heads=1)), "shifted="),
        (lambda: Qwen3ForSequenceClassification(tiny.text_model().config), "output embeddings"),
    ],
)
def test_models_that_do_not_predict_the_next_label_are_refused(tmp_path, model, why):
    trainer = text_trainer(tmp_path, model=model())
    before = state_of(trainer)
    with pytest.raises(ValueError, match=why):
        tt.attach(trainer)
    assert state_of(trainer) == before


def test_a_trainer_of_its_own_answers_and_a_partitioned_head_without_logits_are_refused(tmp_path):
    trainer = text_trainer(tmp_path, use_liger_kernel=False)
    plugin = SimpleNamespace(zero_stage=3)
    with patch.object(type(trainer.accelerator.state), "deepspeed_plugin", plugin):
        tt.attach(trainer).detach()
        trainer.args.use_liger_kernel = True
        with pytest.raises(ValueError, match="ZeRO-3"):
            tt.attach(trainer)
        trainer.args.liger_kernel_config = {"fused_linear_cross_entropy": False}
        tt.attach(trainer).detach()
    trainer._generate = lambda prompts: prompts
    with pytest.raises(ValueError, match="trains on what it generates"):
        tt.attach(trainer)


def test_a_disabled_config_changes_nothing(tmp_path):
    trainer = text_trainer(tmp_path)
    tt.attach(trainer, config=tt.TokenTypeMetricsConfig(enabled=False))
    trainer.train()
    assert not any(ours(line) for line in trainer.state.log_history)
