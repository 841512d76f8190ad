"""check_isolation on a real Qwen3-VL: who sees whom under which setting, and in the demo's own training path."""

from itertools import pairwise

import numpy as np
import pytest
import tiny_models as tiny
import torch
from trainer_oracle import ours
from transformers import Trainer, TrainingArguments

import typetally as tt
from typetally.isolation import check_isolation

EARLIER = np.tril(np.ones((4, 4), dtype=bool), k=-1)


@pytest.fixture
def model():
    return tiny.vision_model()


@pytest.fixture
def batch():
    return tiny.pack(tiny.vision_samples(4))


def test_packed_documents_with_text_positions_are_isolated(model, batch):
    report = check_isolation(model, batch)
    assert report
    assert len(report.documents) == 4
    assert report.differences.max() < report.tolerance < 1e-2
    assert not report.sees.any()
    assert "4 documents are isolated" in str(report)


@pytest.mark.parametrize("leak", ["cache", "mask of ones", "[3, 1, T]"])
def test_a_leak_is_found_named_and_attributed(model, batch, leak):
    if leak == "cache":
        model.config.text_config.use_cache = True
        remedy = "config.text_config.use_cache = False"
    elif leak == "mask of ones":
        batch["attention_mask"] = torch.ones_like(batch["input_ids"])
        remedy = "Leave attention_mask out"
    else:
        ends = [0, *np.cumsum([len(sample["labels"]) for sample in tiny.vision_samples(4)])]
        batch["cu_seq_lens_q"] = torch.tensor(ends, dtype=torch.int32)
        batch["position_ids"] = batch["position_ids"][1:]
        remedy = "[4, B, T]"
    report = check_isolation(model, batch)
    assert not report
    assert ((report.sees > report.tolerance) == EARLIER).all()  # a causal model: every document sees all earlier ones
    assert (report.differences[1:] > 100 * report.tolerance).all()
    assert report.differences[0] <= report.tolerance  # the first has nothing before it
    assert "3 sees 0" in str(report)
    assert remedy in str(report)


@pytest.mark.parametrize("side", ["left", "right"])
def test_padded_rows_are_isolated(side):
    batch = tiny.pad(tiny.text_samples(3), side)
    report = check_isolation(tiny.text_model(), batch)
    assert report
    lengths = [len(sample["labels"]) for sample in tiny.text_samples(3)]
    assert [document.end - document.begin for document in report.documents] == lengths


def test_packed_text_documents_are_isolated_without_a_cache():
    model = tiny.text_model()
    model.config.use_cache = False
    assert check_isolation(model, tiny.pack(tiny.text_samples(3)))
    model.config.use_cache = True
    assert not check_isolation(model, tiny.pack(tiny.text_samples(3)))


@pytest.mark.parametrize("text_cache", [False, True])
def test_isolation_inside_a_trainers_own_step(model, batch, text_cache, tmp_path):
    """The Trainer clears config.use_cache alone: the logits of its own training forward are the documents' alone only
    if the text config's is off too, which the demo's model sees to."""
    assert model.config.text_config.use_cache is False
    model.config.text_config.use_cache = text_cache
    seen = {}

    def capture(module, args, kwargs, outputs):
        seen.update(kwargs, logits=outputs.logits.detach())

    model.register_forward_hook(capture, with_kwargs=True)
    args = TrainingArguments(
        str(tmp_path), max_steps=1, per_device_train_batch_size=4, learning_rate=0.0, report_to=[], use_cpu=True
    )
    samples = tiny.vision_samples(4)
    Trainer(model=model, args=args, train_dataset=samples, data_collator=tiny.pack).train()
    starts = (seen["position_ids"][0, 0] == 0).nonzero()[:, 0].tolist()
    bounds = [*starts, seen["input_ids"].shape[1]]
    packed = {tuple(seen["input_ids"][0, a:b].tolist()): seen["logits"][0, a:b] for a, b in pairwise(bounds)}
    with torch.no_grad():
        alone = {tuple(s["input_ids"].tolist()): model(**tiny.pack([s]), use_cache=False).logits[0] for s in samples}
    worst = max(float((packed[ids] - alone[ids]).abs().max()) for ids in alone)
    assert (worst < 1e-4) is not text_cache
    assert bool(check_isolation(model, batch)) is not text_cache


def test_calls_that_cannot_be_cut_into_documents_are_refused(model, batch):
    with pytest.raises(ValueError, match=r"\[check_isolation\] expected input_ids"):
        check_isolation(model, {"labels": batch["labels"]})
    del batch["image_grid_thw"]
    with pytest.raises(ValueError, match=r"\[check_isolation\] expected image_grid_thw"):
        check_isolation(model, batch)


def test_parts_that_a_user_keeps_in_evaluation_stay_there(model, batch):
    model.train()
    model.model.visual.eval()
    modes = [module.training for module in model.modules()]
    assert check_isolation(model, batch)
    assert [module.training for module in model.modules()] == modes
    assert len(set(modes)) == 2


def test_autocast_is_judged_by_what_it_computes_in(model, batch):
    """Its logits come out in float32 and are as exact as bfloat16."""
    forward = model.forward

    def autocast(**inputs):
        with torch.autocast("cpu", torch.bfloat16):
            outputs = forward(**inputs)
        outputs.logits = outputs.logits.float()
        return outputs

    model.forward = autocast
    report = check_isolation(model, batch)
    assert report
    assert report.differences.max() > 1e-3  # of logits of about 10: float32's tolerance would call this a leak
    model.config.text_config.use_cache = True
    assert not check_isolation(model, batch)


def packed_trainer(folder, model, samples, base=tiny.pack, **options):
    return Trainer(
        model=model,
        args=tiny.arguments(folder, **({"max_steps": 3, "logging_steps": 1} | options)),
        train_dataset=samples,
        data_collator=base,
        processing_class=tiny.processor(),
    )


@pytest.mark.parametrize("bf16", [False, True])
@pytest.mark.parametrize("leaks", [False, True])
def test_attach_checks_the_first_packed_batch_once(leaks, bf16, tmp_path, caplog):
    lines = []
    for check in ("first-batch", None):
        caplog.clear()
        model = tiny.vision_model()
        model.config.text_config.use_cache = leaks
        forwards = []
        model.register_forward_hook(lambda module, args, outputs, seen=forwards: seen.append(module.training))
        trainer = packed_trainer(tmp_path, model, tiny.vision_samples(6), bf16=bf16)
        with caplog.at_level("INFO", logger="typetally"):
            tt.attach(trainer, check_isolation=check)
            trainer.train()
        lines.append([ours(line) for line in trainer.state.log_history])
        said = [r for r in caplog.records if "[attach]" in r.getMessage()]
        if check is None:
            assert forwards == [True] * 3
            continue
        (record,) = said  # and no second warning about the same setting
        assert record.levelname == ("WARNING" if leaks else "INFO")
        assert ("1 sees 0" in record.getMessage()) is leaks
        assert ("config.text_config.use_cache = False" in record.getMessage()) is leaks
        assert forwards.index(True) == (5 if leaks else 3)  # the pack, two documents alone, two with other tokens
        assert forwards[forwards.index(True) :] == [True] * 3
    assert lines[0] == lines[1]


def test_attach_waits_for_a_packed_batch(tmp_path, caplog):
    batches = []

    def first_padded(rows):
        batches.append(rows)
        return tiny.pad(rows) if len(batches) == 1 else tiny.pack(rows)

    model = tiny.text_model()
    model.config.use_cache = False
    with caplog.at_level("INFO", logger="typetally"):
        trainer = packed_trainer(tmp_path, model, tiny.text_samples(6), first_padded)
        tt.attach(trainer, check_isolation="first-batch")
        trainer.train()
    (said,) = [r.getMessage() for r in caplog.records if "check_isolation" in r.getMessage()]
    assert "2 documents are isolated" in said


def test_a_check_that_cannot_run_stops_nothing(tmp_path, caplog):
    trainer = packed_trainer(tmp_path, tiny.text_model(), tiny.text_samples(6))
    tt.attach(trainer, check_isolation="first-batch")
    trainer.model.weight_of_a_shard = torch.nn.Parameter(torch.zeros(1))
    trainer.model.weight_of_a_shard.ds_id = 1  # as DeepSpeed's ZeRO-3 marks its parameters
    trainer.train()
    (said,) = [r for r in caplog.records if "check_isolation" in r.getMessage()]
    assert "sharded" in str(said.exc_info[1])
    assert trainer.state.log_history[0]["coord_token_count"] > 0


def test_an_unknown_check_is_refused(tmp_path):
    trainer = packed_trainer(tmp_path, tiny.text_model(), tiny.text_samples(2))
    with pytest.raises(ValueError, match=r"\[attach\] expected check_isolation"):
        tt.attach(trainer, check_isolation="every-batch")
