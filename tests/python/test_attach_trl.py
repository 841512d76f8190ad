"""attach in TRL's SFTTrainer: every logged figure against a float64 copy of the model over the raw batches."""

import pytest
import tiny_models as tiny
import torch
from peft import LoraConfig, PromptTuningConfig
from trainer_oracle import assert_metrics, check_log, ours, prefixed
from trl_runs import GENERATION_TEMPLATE, PER_TOKEN, TrlSpy, encoded, own_loss, rows, sft_trainer

import typetally as tt
from typetally.tally.meter import TokenTypeMeter

LORA = {"r": 4, "target_modules": ["q_proj", "v_proj"], "task_type": "CAUSAL_LM"}

# name: kind of data, what is supervised, the trainer's options
CASES = {
    "completion only": ("completion", "answer", {}),
    "whole text": ("messages", "all", {}),
    "assistant only": ("messages", "answer", {"assistant_only_loss": True, "template": GENERATION_TEMPLATE}),
    "packing, bfd": ("completion", "answer", {"packing": True, "max_length": 600}),
    "packing, bfd, whole text": ("messages", "all", {"packing": True, "max_length": 600}),
    "packing, wrapped": (
        "messages",
        "all",
        {"packing": True, "packing_strategy": "wrapped", "max_length": 70, "per_device_train_batch_size": 1},
    ),
    "padding-free": ("completion", "answer", {"padding_free": True, "max_length": None}),
    "LoRA": ("completion", "answer", {"peft_config": LoraConfig(**LORA)}),
    "LoRA, packed": ("completion", "answer", {"peft_config": LoraConfig(**LORA), "packing": True, "max_length": 600}),
    "pictures": ("vision", "answer", {"max_length": None}),
    "pictures, LoRA": ("vision", "answer", {"max_length": None, "peft_config": LoraConfig(**LORA)}),
    "accumulated": ("completion", "answer", {"gradient_accumulation_steps": 2}),
    "checkpointing": ("completion", "answer", {"gradient_checkpointing": True}),
    "bf16": ("completion", "answer", {"bf16": True, "dtype": torch.float32}),
    "dft": ("completion", "answer", {"loss_type": "dft"}),
    "own loss": ("completion", "answer", {"compute_loss_func": own_loss}),
    "label smoothing": ("completion", "answer", {"label_smoothing_factor": 0.1}),
}
# Before 1.15 the default loss keeps the logits; `chunked_nll` makes none. It takes no other loss.
LOSSES = [{}] if PER_TOKEN else [{"loss_type": "nll"}, {"loss_type": "chunked_nll"}]
RUNS = [
    pytest.param(*CASES[case], loss | CASES[case][2], id=" ".join([case, *loss.values()]))
    for case in CASES
    for loss in LOSSES
    if loss.get("loss_type") != "chunked_nll" or case not in ("dft", "own loss", "label smoothing")
]


@pytest.mark.parametrize(("kind", "supervised", "_", "options"), RUNS)
def test_every_logged_figure_is_that_of_the_raw_batches(tmp_path, kind, supervised, _, options):
    trainer = sft_trainer(tmp_path, kind, **options)
    handle = tt.attach(trainer)
    samples = [*encoded(12, kind, supervised), *encoded(5, kind, supervised, first=100)]
    half = options.get("bf16", False)
    spy = TrlSpy(trainer, samples, tiny.sample_types(samples), torch.bfloat16 if half else None)
    trainer.train()
    check_log(trainer, spy, relative=1e-2 if half else 1e-5)
    assert handle.typed_in_hook == 0
    for mode in ("train", "eval"):  # samples, also where TRL packed several into one
        trained = sum(len(documents) for training, _, documents in spy.seen if training is (mode == "train"))
        assert handle.coverage(mode) == tt.trainer.Coverage(samples=trained, typed=trained)
    check_prediction(trainer, spy, relative=1e-2 if half else 1e-5)


def check_prediction(trainer, spy, relative):
    spy.seen.clear()
    predicted = trainer.predict(trainer.eval_dataset).metrics
    expected = spy.oracle(False, 0, trainer.state.global_step + 1).metrics()
    assert_metrics(ours(predicted), prefixed(expected, "test_", set(predicted) - set(ours(predicted))), relative)


@pytest.mark.parametrize("case", ["completion only", "packing, bfd", "pictures", "LoRA"])
def test_trls_own_figures_and_ours_agree(tmp_path, case):
    """TRL logs the mean of its micro-batches' means: over one micro-batch they are what is logged by us."""
    kind, _, options = CASES[case]
    trainer = sft_trainer(tmp_path, kind, **options | {"logging_steps": 1, "max_steps": 3, "eval_strategy": "no"})
    tt.attach(trainer)
    trainer.train()
    for line in trainer.state.log_history[:3]:
        assert line["token_acc"] == pytest.approx(line["mean_token_accuracy"], rel=1e-6)
        assert line["token_loss"] == pytest.approx(line["loss"], rel=1e-4)
        counts = {name: line[f"{name}_token_count"] for name in ("desc", "coord", "format")}
        entropy = sum(line[f"{name}_entropy"] * count for name, count in counts.items()) / sum(counts.values())
        assert entropy == pytest.approx(line["entropy"], rel=1e-5)


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_virtual_tokens_are_not_scored(tmp_path, loss):
    """Prompt tuning puts virtual tokens before each sample and pads the labels."""
    tuning = PromptTuningConfig(num_virtual_tokens=3, task_type="CAUSAL_LM")
    trainer = sft_trainer(
        tmp_path, "completion", logging_steps=1, max_steps=3, eval_strategy="no", peft_config=tuning, **loss
    )
    tt.attach(trainer)
    trainer.train()
    for line in trainer.state.log_history[:3]:
        assert line["token_acc"] == pytest.approx(line["mean_token_accuracy"], rel=1e-6)
        assert line["token_loss"] == pytest.approx(line["loss"], rel=1e-4)
        assert line["coord_token_count"] > 0


@pytest.mark.parametrize("loss", [*LOSSES, {"loss_type": "dft"}], ids=str)
def test_logits_are_never_made_twice(tmp_path, monkeypatch, loss):
    """One micro-batch is one update, from what the trainer has made; the output embedding is applied by us alone where
    the trainer has no per-token results and no logits."""
    used = []
    for name in ("update", "update_from_hidden", "update_from_tokens"):
        real = getattr(TokenTypeMeter, name)
        spying = lambda self, real=real, name=name, **given: (used.append(name), real(self, **given))  # noqa: E731
        monkeypatch.setattr(TokenTypeMeter, name, spying)
    trainer = sft_trainer(tmp_path, "completion", max_steps=3, eval_strategy="no", **loss)
    tt.attach(trainer)
    trainer.train()
    hidden = loss.get("loss_type") == "chunked_nll"
    assert used == [("update_from_tokens" if PER_TOKEN else "update_from_hidden" if hidden else "update")] * 3


@pytest.mark.parametrize("packing", [False, True])
def test_the_data_set_filter_holds_where_trl_keeps_the_column(tmp_path, packing):
    """Packing keeps ids and labels alone: every sample is then of the data set `default`."""
    trainer = sft_trainer(tmp_path, "completion", held=rows(2, "completion"), max_steps=6, eval_strategy="no")
    named = rows(12, "completion").add_column("dataset", ["lvis" if k % 2 else "coco" for k in range(12)])
    trainer = type(trainer)(
        model=trainer.model,
        args=trainer.args if not packing else packed(trainer.args),
        train_dataset=named,
        processing_class=trainer.processing_class,
    )
    config = tt.TokenTypeMetricsConfig(include=("*",), exclude=("coco",))
    handle = tt.attach(trainer, config=config)
    trainer.train()
    coverage = handle.coverage()
    assert coverage.skipped == ({} if packing else {"excluded": 6})
    assert coverage.samples >= 12


def packed(args):
    args.packing, args.max_length, args.max_steps = True, 600, 1
    return args
