"""attach in real trainings of tiny models: every logged figure against its recomputation from the raw batches."""

import contextlib

import pytest
import tiny_models as tiny
import torch
from trainer_oracle import Spy, assert_metrics, check_log, ours, prefixed
from transformers import Trainer

import typetally as tt


class TwoForwards(Trainer):
    """Runs the model once more before the loss's own forward, as trainers with a reference or a metric pass do."""

    def compute_loss(self, model, inputs, *args, **kwargs):
        with torch.no_grad():
            model(**inputs)
        return super().compute_loss(model, inputs, *args, **kwargs)


class Mixed(tt.TokenTypeMetricsMixin, Trainer):
    pass


def pack_training_pad_evaluation(rows):
    return tiny.pad(rows) if rows[0].get("padded") else tiny.pack(rows)


def own_loss(outputs, labels, num_items_in_batch=None):
    logits = outputs.logits[:, :-1].flatten(0, 1)
    return torch.nn.functional.cross_entropy(logits, labels[:, 1:].flatten())


CASES = {
    "packed": {},
    "mixin": {"trainer": Mixed},
    "accumulated": {"gradient_accumulation_steps": 2},
    "checkpointing": {"gradient_checkpointing": True},
    "bf16": {"bf16": True},
    "label smoothing": {"label_smoothing_factor": 0.1},
    "own loss": {"compute_loss_func": own_loss},
    "two forwards": {"trainer": TwoForwards},
    "loader processes": {"dataloader_num_workers": 2},
}


@pytest.mark.parametrize("case", CASES)
def test_every_logged_figure_is_that_of_the_raw_batches(case, tmp_path):
    """Packed training of a Qwen3-VL on samples with and without pictures, padded evaluation every few steps."""
    options = dict(CASES[case])
    make, loss = options.pop("trainer", Trainer), options.pop("compute_loss_func", None)
    samples = tiny.vision_samples(12)
    held = [{**sample, "padded": True} for sample in tiny.vision_samples(5, first=100)]
    trainer = make(
        model=tiny.vision_model(),
        args=tiny.arguments(tmp_path, eval_strategy="steps", eval_steps=2, **options),
        train_dataset=samples,
        eval_dataset=held,
        data_collator=pack_training_pad_evaluation,
        processing_class=tiny.processor(),
        compute_loss_func=loss,
    )
    handle = trainer.token_types if make is Mixed else tt.attach(trainer)
    spy = Spy(trainer, [*samples, *held], tiny.sample_types([*samples, *held]))
    trainer.train()
    if make is TwoForwards:
        spy.seen = spy.seen[::2]
    check_log(trainer, spy)
    steps = 5 * options.get("gradient_accumulation_steps", 1)
    assert handle.coverage() == tt.trainer.Coverage(samples=2 * steps, typed=2 * steps)
    assert handle.coverage("eval") == tt.trainer.Coverage(samples=15, typed=15)
    assert handle.typed_in_hook == 0


@pytest.mark.parametrize("side", ["left", "right"])
def test_padded_training_and_packed_evaluation_of_a_text_model(side, tmp_path):
    samples, held = tiny.text_samples(12), tiny.text_samples(5, first=100)
    evaluated = {tuple(sample["input_ids"]) for sample in held}
    trainer = Trainer(
        model=tiny.text_model(),
        args=tiny.arguments(tmp_path, eval_strategy="steps", eval_steps=2),
        train_dataset=samples,
        eval_dataset=held,
        data_collator=lambda rows: (
            tiny.pack(rows) if tuple(rows[0]["input_ids"]) in evaluated else tiny.pad(rows, side)
        ),
        processing_class=tiny.tokenizer(),
    )
    tt.attach(trainer)
    spy = Spy(trainer, [*samples, *held], tiny.sample_types([*samples, *held]))
    trainer.train()
    check_log(trainer, spy)


class OwnLoaders(Trainer):
    """Never asks for the collator that attach wrapped."""

    def get_train_dataloader(self):
        return torch.utils.data.DataLoader(self.train_dataset, batch_size=2, collate_fn=tiny.pack)

    def get_eval_dataloader(self, eval_dataset=None):
        return torch.utils.data.DataLoader(self.eval_dataset, batch_size=2, collate_fn=tiny.pad)


def test_without_our_collator_types_come_from_the_labels_in_the_hook(tmp_path):
    samples, held = tiny.vision_samples(12), tiny.vision_samples(5, first=100)
    trainer = OwnLoaders(
        model=tiny.vision_model(),
        args=tiny.arguments(tmp_path, eval_strategy="steps", eval_steps=2),
        train_dataset=samples,
        eval_dataset=held,
        processing_class=tiny.processor(),
    )
    handle = tt.attach(trainer)
    spy = Spy(trainer, [*samples, *held], tiny.sample_types([*samples, *held]))
    trainer.train()
    check_log(trainer, spy)
    assert handle.typed_in_hook == 5 + 3 * 3
    assert handle.coverage() == tt.trainer.Coverage(samples=10, typed=10)


@pytest.mark.parametrize(("include", "typed"), [(["lvis"], 0), ([" Default"], 4), (["*"], 4), ([], 0)])
def test_the_filter_holds_in_the_hook_where_samples_are_of_the_data_set_default(tmp_path, include, typed):
    samples = [{**sample, "dataset": "lvis"} for sample in tiny.text_samples(4)]
    trainer = OwnLoaders(
        model=tiny.text_model(),
        args=tiny.arguments(tmp_path, max_steps=2),
        train_dataset=samples,
        processing_class=tiny.tokenizer(),
    )
    handle = tt.attach(trainer, config=tt.TokenTypeMetricsConfig(include=include))
    trainer.train()
    skipped = {} if typed else {"excluded": 4}
    assert handle.coverage() == tt.trainer.Coverage(samples=4, typed=typed, skipped=skipped)
    assert ("coord_token_acc" in trainer.state.log_history[0]) == bool(typed)
    assert trainer.state.log_history[0]["token_acc"] >= 0


def test_batches_that_one_process_hands_out_are_typed(tmp_path):
    """For iterable data sets accelerate concatenates and broadcasts batches, which only tensors survive."""

    class Stream(torch.utils.data.IterableDataset):
        def __iter__(self):
            return iter(tiny.text_samples(12))

    samples = tiny.text_samples(12)
    trainer = Trainer(
        model=tiny.text_model(),
        args=tiny.arguments(tmp_path, eval_strategy="steps", eval_steps=2),
        train_dataset=Stream(),
        eval_dataset=samples[:3],
        data_collator=tiny.pad,
        processing_class=tiny.tokenizer(),
    )
    handle = tt.attach(trainer)
    spy = Spy(trainer, samples, tiny.sample_types(samples))
    trainer.train()
    check_log(trainer, spy)
    assert handle.typed_in_hook == 0
    assert handle.coverage("eval").typed == 9


def test_prefixes_are_the_trainers(tmp_path):
    held = tiny.text_samples(3, first=100)
    trainer = Trainer(
        model=tiny.text_model(),
        args=tiny.arguments(tmp_path),
        eval_dataset={"near": held[:2], "far": held},
        data_collator=tiny.pad,
        processing_class=tiny.tokenizer(),
    )
    tt.attach(trainer, config=tt.TokenTypeMetricsConfig(include=("*",), extended=True))
    evaluated = trainer.evaluate()
    assert evaluated["eval_near_tokens_total"] < evaluated["eval_far_tokens_total"]
    assert evaluated["eval_far_coord_token_acc_top5"] >= evaluated["eval_far_coord_token_acc"]
    assert evaluated["eval_far_typed_frac"] == 1
    for line in trainer.state.log_history:
        name = "near" if "eval_near_loss" in line else "far"
        assert all(key.startswith(f"eval_{name}_") for key in ours(line))
    predicted = trainer.predict(held).metrics
    assert predicted["test_tokens_total"] == evaluated["eval_far_tokens_total"]
    assert predicted["test_token_loss"] == evaluated["eval_far_token_loss"]


def test_evaluation_inside_training_leaves_the_training_window_alone(tmp_path):
    """The same training with and without evaluation in the middle of its windows logs the same figures."""
    lines = []
    for strategy in ("no", "steps"):
        torch.manual_seed(0)
        trainer = Trainer(
            model=tiny.text_model(),
            args=tiny.arguments(tmp_path, eval_strategy=strategy, eval_steps=1),
            train_dataset=tiny.text_samples(12),
            eval_dataset=tiny.text_samples(3, first=100),
            data_collator=tiny.pack,
            processing_class=tiny.tokenizer(),
        )
        tt.attach(trainer)
        trainer.train()
        lines.append([ours(line) for line in trainer.state.log_history if "eval_loss" not in line])
    assert lines[0] == lines[1]
    assert len(lines[0]) == 3


def test_keys_that_the_trainer_has_already_stay(tmp_path):
    trainer = Trainer(
        model=tiny.text_model(),
        args=tiny.arguments(tmp_path),
        eval_dataset=tiny.text_samples(3),
        data_collator=tiny.pad,
        processing_class=tiny.tokenizer(),
        compute_metrics=lambda prediction: {"token_acc": 7.0, "coord_entropy": 8.0},
    )
    tt.attach(trainer)
    spy = Spy(trainer, tiny.text_samples(3), tiny.sample_types(tiny.text_samples(3)))
    evaluated = trainer.evaluate()
    assert (evaluated["eval_token_acc"], evaluated["eval_coord_entropy"]) == (7.0, 8.0)
    expected = spy.oracle(False, 0, 1).metrics()
    assert evaluated["eval_token_loss"] == pytest.approx(expected["loss"], rel=1e-6)
    assert evaluated["eval_typetally_token_acc"] == expected["token_acc"]
    assert evaluated["eval_typetally_coord_entropy"] == pytest.approx(expected["coord_entropy"], rel=1e-6)


@pytest.mark.parametrize("packs", [1, 2])
def test_planned_packs_train_whole_and_an_oversized_sample_alone(tmp_path, packs):
    """tt.plan_packs, tt.PackedDataset and tt.collate_packed under attach, one pack a batch or several rows."""
    samples = tiny.vision_samples(9)
    lengths = [len(sample["input_ids"]) for sample in samples]
    plan = tt.plan_packs(lengths, sorted(lengths)[-2])  # the longest is oversized
    trainer = Trainer(
        model=tiny.vision_model(),
        args=tiny.arguments(
            tmp_path,
            max_steps=-(-len(plan) // packs),
            per_device_train_batch_size=packs,
            logging_strategy="no",
            learning_rate=0.0,
        ),
        train_dataset=tt.PackedDataset(samples, plan),
        data_collator=lambda items: tt.collate_packed(items),
        processing_class=tiny.processor(),
    )
    handle = tt.attach(trainer, config=tt.TokenTypeMetricsConfig(include=("*",), extended=True))
    trainer.train()
    line = trainer.state.log_history[-1]
    assert line["train_tokens_total"] == sum(tiny.count_targets(sample) for sample in samples)
    assert line["train_typed_frac"] == 1
    assert handle.coverage() == tt.trainer.Coverage(samples=9, typed=9)


class OwnLoader(Trainer):
    """Never asks for the collator that attach wrapped."""

    def get_train_dataloader(self):
        return torch.utils.data.DataLoader(self.train_dataset, batch_size=2, collate_fn=self.args.base)


@pytest.mark.parametrize("make", [Trainer, OwnLoader])
@pytest.mark.parametrize("both", [True, False])
def test_labels_that_come_shifted_are_scored_as_they_are(make, both, tmp_path):
    """Collators for context parallelism and padding-free training hand over shift_labels, with labels or without."""

    def base(rows):
        batch = tiny.pack(rows)
        shifted = torch.nn.functional.pad(batch["labels"], (0, 1), value=-100)[:, 1:]
        labels = batch.pop("labels")
        return batch | {"shift_labels": shifted} | ({"labels": labels} if both else {})

    samples = tiny.text_samples(12) if both else [s for s in tiny.text_samples(12) if s["labels"][0] == -100]
    model = tiny.text_model()
    if not both:
        forward = model.forward
        model.forward = lambda **inputs: forward(labels=inputs["shift_labels"], **inputs)
    args = tiny.arguments(tmp_path, max_steps=2, logging_steps=1)
    args.base = base
    trainer = make(model=model, args=args, train_dataset=samples, data_collator=base, processing_class=tiny.tokenizer())
    tt.attach(trainer)
    spy = Spy(trainer, samples, tiny.sample_types(samples))
    trainer.train()
    for line in trainer.state.log_history[:2]:
        expected = spy.oracle(True, line["step"] - 1, line["step"]).metrics()
        assert_metrics(ours(line), prefixed(expected, "", {"loss"}))


def test_extended_counts_and_skipped_samples(tmp_path):
    samples = [{**sample, "dataset": "lvis" if k % 2 else "other"} for k, sample in enumerate(tiny.text_samples(6))]
    trainer = Trainer(
        model=tiny.text_model(),
        args=tiny.arguments(tmp_path, max_steps=3, logging_steps=3),
        train_dataset=samples,
        data_collator=tiny.pack,
        processing_class=tiny.tokenizer(),
    )
    handle = tt.attach(trainer, config=tt.TokenTypeMetricsConfig(extended=True))
    trainer.train()
    line = trainer.state.log_history[0]
    targets = [tiny.count_targets(sample) for sample in samples]
    assert line["tokens_total"] == sum(targets)
    assert line["typed_frac"] == sum(targets[1::2]) / sum(targets)
    assert line["skipped_samples"] == 3
    assert handle.coverage() == tt.trainer.Coverage(samples=6, typed=3, skipped={"excluded": 3})


def test_a_frozen_model_gives_the_same_sums_however_its_samples_are_split(tmp_path):
    """Packed, padded on either side, accumulated: in float64 counts exactly and sums to 1e-9."""
    samples = tiny.vision_samples(8)
    runs = []
    for base, size, accumulation in ((tiny.pack, 4, 1), (tiny.pack, 1, 1), (tiny.pad, 2, 1), (tiny.pad, 1, 4)):
        trainer = Trainer(
            model=tiny.trained_vision_model(torch.float64),
            args=tiny.arguments(
                tmp_path,
                max_steps=8 // size // accumulation,
                per_device_train_batch_size=size,
                gradient_accumulation_steps=accumulation,
                learning_rate=0.0,
                logging_strategy="no",
            ),
            train_dataset=samples,
            data_collator=base,
            processing_class=tiny.processor(),
        )
        tt.attach(trainer, config=tt.TokenTypeMetricsConfig(include=("*",), extended=True))
        trainer.train()
        runs.append({key: v for key, v in ours(trainer.state.log_history[-1]).items() if "token_count" not in key})
    assert 0 < runs[0]["train_coord_token_acc"] < 1
    assert runs[0]["train_tokens_total"] == sum(int((sample["labels"] >= 0).sum()) for sample in samples)
    for run in runs[1:]:
        for key in ("train_tokens_total", "train_token_acc", "train_coord_token_acc", "train_desc_token_frac"):
            assert run[key] == runs[0][key]
        assert_metrics(run, runs[0], relative=1e-9)


def test_after_a_resume_whole_windows_equal_the_uninterrupted_run(tmp_path):
    def run(folder, **options):
        trainer = Trainer(
            model=tiny.text_model(),
            args=tiny.arguments(folder, max_steps=6, save_strategy="steps", save_steps=3, **options),
            train_dataset=tiny.text_samples(12),
            data_collator=tiny.pack,
            processing_class=tiny.tokenizer(),
        )
        tt.attach(trainer)
        return trainer

    whole = run(tmp_path / "whole")
    spy = Spy(whole, tiny.text_samples(12), tiny.sample_types(tiny.text_samples(12)))
    whole.train()
    resumed = run(tmp_path / "resumed")
    resumed.train(resume_from_checkpoint=str(tmp_path / "whole" / "checkpoint-3"))
    lines = {
        trainer: {line["step"]: ours(line) for line in trainer.state.log_history if "loss" in line}
        for trainer in (whole, resumed)
    }
    assert lines[resumed][6] == lines[whole][6]
    # The window restarts with the run, as the trainer's own loss does: step 4 alone.
    assert_metrics(lines[resumed][4], prefixed(spy.oracle(True, 3, 4).metrics(), "", {"loss"}))
    assert lines[resumed][4] != lines[whole][4]


def test_a_run_that_ended_early_leaves_nothing_to_the_next(tmp_path):
    class StopError(Exception):
        pass

    trainer = Trainer(
        model=tiny.text_model(),
        args=tiny.arguments(tmp_path, max_steps=3, logging_steps=3, learning_rate=0.0),
        train_dataset=tiny.text_samples(6),
        data_collator=tiny.pack,
        processing_class=tiny.tokenizer(),
    )
    handle = tt.attach(trainer, config=tt.TokenTypeMetricsConfig(include=("*",), extended=True))
    stopper = trainer.model.register_forward_hook(lambda *_: (_ for _ in ()).throw(StopError))
    with contextlib.suppress(StopError):
        trainer.train()
    stopper.remove()
    trainer.train()
    total = sum(tiny.count_targets(sample) for sample in tiny.text_samples(6))
    assert trainer.state.log_history[0]["tokens_total"] == total
    assert handle.coverage() == tt.trainer.Coverage(samples=6, typed=6)
