"""What lies on a device is never read there: whole micro-batches on `meta`, whose values nobody can have."""

from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest
import tiny_models as tiny
import torch
from tally_cases import batch, compare_routes
from test_tally_inputs import head_batch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from transformers import Trainer

import typetally as tt
from typetally import _core
from typetally.base import tensors
from typetally.collator.notes import NOTES_KEY
from typetally.model.head import HiddenStates
from typetally.model.outputs import Forward
from typetally.tally import cuda_route, device_route, hidden, meter, torch_route
from typetally.tally.device_route import DeviceBatch, first_targets
from typetally.tally.meter import TokenTypeMeter
from typetally.trainer import recorder, window
from typetally.trainer.micro_batch import MicroBatch

META = torch.device("meta")


class NothingWaits(TorchDispatchMode):
    """Raises where Torch on CUDA would wait, and `meta` does not by itself: at copies between host and device, and
    where an operation on the device takes a tensor from the host."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        places = {t.device.type for t in tree_leaves((args, kwargs)) if isinstance(t, torch.Tensor)}
        out = func(*args, **(kwargs or {}))
        places |= {t.device.type for t in tree_leaves(out) if isinstance(t, torch.Tensor)}
        # On CUDA a number that is assigned by indices comes from the host.
        if len(places) > 1 or func is torch.ops.aten.index_put_.default:
            raise AssertionError(f"{func} between {sorted(places)} or host and device")
        return out


@pytest.fixture
def launches(monkeypatch):
    """Stands for a device: the way there that does not wait, and what reaches the kernels' door."""
    seen = []

    def launch(logits, rows, labels, types, sums, scratch, stream):
        assert {t.device for t in (logits, labels, types, sums, scratch)} == {META}
        assert (labels.dtype, types.dtype, sums.dtype, sums.shape) == (torch.int64, torch.int8, torch.float64, (32,))
        assert labels.shape == types.shape
        assert scratch.shape == (_core.cuda_scratch(len(labels), logits.shape[-1]),)
        seen.append(len(labels))

    def to_device(array, device):
        return torch.empty(array.shape, dtype=torch.from_numpy(array).dtype, device=device)

    for module in (torch_route, device_route, meter, recorder, window):
        monkeypatch.setattr(module, "to_device", to_device)
    for module in (tensors, hidden):
        monkeypatch.setattr(module, "check_memory", lambda *_: None)
    monkeypatch.setattr(cuda_route, "reads", lambda _: True)
    monkeypatch.setattr(cuda_route, "_exported", lambda tensor: tensor)
    monkeypatch.setattr(_core, "cuda_add", launch)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda _: SimpleNamespace(cuda_stream=0))
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())  # does not know this device
    return seen


def make_trainer(base, folder, samples):
    return Trainer(
        model=tiny.text_model(),
        args=tiny.arguments(folder),
        train_dataset=samples,
        data_collator=base,
        processing_class=tiny.tokenizer(),
    )


def micro_batch(base, folder, samples):
    """As it is when a trainer calls its model, and the recorder that waits for it."""
    trainer = make_trainer(base, folder, samples)
    found = tt.attach(trainer)._recorder
    inputs = {k: v.to(META) if torch.is_tensor(v) else v for k, v in trainer.data_collator(samples).items()}
    return found, MicroBatch.take(inputs), inputs


ROUTES = ["logits", "logits by Torch", "hidden", "tokens"]


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("base", [tiny.pack, tiny.pad])
@pytest.mark.parametrize("shifted", [False, True])
def test_a_micro_batch_of_a_trainer_is_tallied_without_waiting(tmp_path, monkeypatch, launches, route, base, shifted):
    samples = tiny.text_samples(6)
    found, batch, inputs = micro_batch(base, tmp_path, samples)
    rows, columns = batch.labels.shape
    if shifted:  # as Transformers does for losses of fused kernels
        batch.shift_labels = torch.empty_like(batch.labels)
    states = HiddenStates(
        torch.empty(rows, columns, 32, device=META),
        torch.empty(999, 32, device=META),
        torch.empty(999, device=META),
        None,
    )
    outputs = {}
    if route == "tokens":
        each = torch.empty(rows, columns - (not shifted), device=META)
        outputs = {"log_probs": each, "is_top1": each > 0, "entropy": each, "label_mask": each > 0}
    elif "logits" in route:
        outputs = {"logits": torch.empty(rows, columns, 999, device=META)}
    if route == "logits by Torch":
        monkeypatch.setattr(cuda_route, "reads", lambda _: False)
    with NothingWaits():
        assert found.record(batch, Forward(inputs, outputs, lambda: states))
        flat = found._train._flat()
    assert found._train.meter._tally.errors == 0
    assert found.typed_in_hook == 0
    assert flat.device == META
    targets = sum(label != -100 for sample in samples for label in sample["labels"])
    assert launches == {"logits": [rows * columns], "hidden": [targets]}.get(route, [])


def test_a_forward_that_a_graph_captures_is_counted_and_said(tmp_path, monkeypatch, launches, caplog):
    found, batch, inputs = micro_batch(tiny.pack, tmp_path, tiny.text_samples(2))
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: True)
    assert found.record(batch, Forward(inputs, {}, lambda: None))
    assert found._train.meter._tally.errors == 1
    assert launches == []
    assert "got one that a CUDA graph captures" in caplog.text


def test_a_loader_has_no_tensor_more_to_move(tmp_path):
    """It waits for the device at each. A user's own collator makes what it always makes."""
    samples = tiny.text_samples(3)
    plain = tiny.pack(samples)
    trainer = make_trainer(tiny.pack, tmp_path, samples)
    tt.attach(trainer)
    batch = trainer.data_collator(samples)
    assert set(batch) == {*plain, NOTES_KEY}
    config = tt.TokenTypeMetricsConfig(include=("*",))
    theirs = tt.TokenTypeCollator(tiny.pack, tt.TokenTyper(tt.Vocabulary.from_tokenizer(tiny.tokenizer())), config)
    trainer = make_trainer(theirs, tmp_path, samples)
    tt.attach(trainer)
    kept = trainer.data_collator(samples)
    assert set(kept) == {*plain, NOTES_KEY, "token_types"}
    np.testing.assert_array_equal(kept["token_types"], batch[NOTES_KEY].types)


def test_values_on_a_device_cannot_be_had_unseen():
    """What the tests above rely on."""
    x = torch.empty(3, device=META)
    for read in (lambda: x.sum().item(), lambda: bool((x > 0).any()), lambda: x.tolist(), lambda: x[x > 0], x.nonzero):
        with pytest.raises((RuntimeError, NotImplementedError)), NothingWaits():
            read()
    at = torch.empty(2, dtype=torch.int64, device=META)
    for wait in (
        lambda: x.__setitem__(at, 0.0),
        lambda: torch.zeros(3).to(META),
        lambda: x.copy_(torch.zeros(3)),
        lambda: x[torch.zeros(2).long()],
    ):
        with pytest.raises(AssertionError, match="between"), NothingWaits():
            wait()


@pytest.mark.parametrize("extra", [{}, {"shifted": True}, {"cu_seqlens": [0, 5, 5, 20, 46]}], ids=str)
@pytest.mark.parametrize("spare", [0, 1, 100])
def test_hidden_states_with_a_number_of_targets(monkeypatch, extra, spare):
    states, weight, bias, labels, types = (torch.from_numpy(a) for a in head_batch(np.random.default_rng(0)))
    wanted, ours = TokenTypeMeter(extended=True), TokenTypeMeter(extended=True, route="torch")
    given = {"hidden": states, "weight": weight, "bias": bias, "labels": labels, "token_types": types, **extra}
    wanted.update_from_hidden(**given)
    monkeypatch.setattr("typetally.tally.meter.on_host", lambda _: False)
    ours.update_from_hidden(**given, max_targets=int(wanted.flat()[:32:8].sum()) + spare, chunk_bytes=3000)
    compare_routes(wanted, ours)
    ours.update_from_hidden(**given, max_targets=int(wanted.flat()[:32:8].sum()) - 1)
    wanted.add_error()
    compare_routes(wanted, ours)  # left out whole


def test_the_first_targets():
    rng = np.random.default_rng(1)
    for length in (0, 1, 7, 40):
        labels = rng.integers(0, 5, length)
        labels[rng.random(length) < 0.5] = -100
        there = np.flatnonzero(labels >= 0)
        for most in range(length + 2):
            rows, fits = first_targets(torch.from_numpy(labels), most)
            assert rows.tolist() == [*there[:most], *[-1] * (most - len(there))]
            assert bool(fits) == (len(there) <= most)


def test_labels_elsewhere_are_refused(launches):
    logits, labels, types = (torch.from_numpy(a) for a in batch(np.random.default_rng(2), 2, 5, 7))
    states, weight = torch.empty(2, 5, 3, device=META), torch.empty(7, 3, device=META)
    elsewhere = SimpleNamespace(device=torch.device("cuda:1"), shape=labels.shape, ndim=2)
    for scored, name in ((logits.to(META), "the logits"), (states, "the hidden states")):
        with pytest.raises(ValueError, match=rf"\[update\] expected labels on the device of {name}, meta, got cuda:1"):
            DeviceBatch("update", elsewhere, None, None, False).targets(scored, name)
    ours = TokenTypeMeter()
    with pytest.raises(ValueError, match=r"expected labels of shape \(2, 5\), got \(2, 4\)"):
        ours.update(logits=logits.to(META), labels=labels[:, :4].to(META))
    with pytest.raises(ValueError, match=r"expected token_types of shape \(2, 5\), got \(2, 4\)"):
        ours.update(logits=logits.to(META), labels=labels.to(META), token_types=types[:, :4])
    with pytest.raises(ValueError, match="expected max_targets of 0 or more, got -1"):
        ours.update_from_hidden(hidden=states, weight=weight, labels=labels, max_targets=-1)
    assert ours._tally.batches == 0
    assert launches == []


BAD_BOUNDS = {"begins late": [1, 5, 10], "ends late": [0, 11], "ends early": [0, 5, 9], "falls": [0, 7, 5, 10]}


@pytest.mark.parametrize("case", BAD_BOUNDS)
def test_boundaries_that_do_not_fit(monkeypatch, case):
    """Those on the host are refused, those on the device make the batch an error."""
    logits, labels, types = (torch.from_numpy(a) for a in batch(np.random.default_rng(4), 2, 5, 7))
    nll = torch.rand(2, 5)
    bounds = torch.tensor(BAD_BOUNDS[case])
    ours = TokenTypeMeter(route="torch")
    monkeypatch.setattr(meter, "on_host", lambda _: False)
    common = {"labels": labels, "token_types": types, "cu_seqlens": bounds}
    hidden_states = {"hidden": torch.rand(2, 5, 3), "weight": torch.rand(7, 3), "max_targets": 10}
    with pytest.raises(ValueError, match="expected cu_seqlens that"):
        ours.update(logits=logits, **common)
    assert not ours.flat().any()
    monkeypatch.setattr(device_route, "on_host", lambda _: False)
    ours.update(logits=logits, **common)
    ours.update_from_hidden(**hidden_states, **common)
    ours.update_from_tokens(nll=nll, correct=nll > 0.5, **common)
    assert ours.flat().tolist() == [0.0] * 34 + [3.0]


def test_no_positions(monkeypatch):
    monkeypatch.setattr(meter, "on_host", lambda _: False)
    ours = TokenTypeMeter(route="torch")
    ours.update(logits=torch.zeros(1, 0, 7), labels=torch.zeros(1, 0, dtype=torch.int64))
    ours.update(logits=torch.zeros(0, 7), labels=torch.zeros(0, dtype=torch.int64), cu_seqlens=[0])
    assert ours.flat().sum() == 2


def test_a_chunk_that_finds_no_memory_leaves_the_meter_as_it_was(monkeypatch):
    states, weight, bias, labels, types = (torch.from_numpy(a) for a in head_batch(np.random.default_rng(3)))
    given = {"hidden": states, "weight": weight, "bias": bias, "labels": labels, "token_types": types}
    ours, add, calls = TokenTypeMeter(route="torch"), device_route.add_masked, []
    ours.update_from_hidden(**given)
    before = ours.flat()

    def run_out(*arguments):
        calls.append(arguments)
        if len(calls) == 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        add(*arguments)

    monkeypatch.setattr(device_route, "add_masked", run_out)
    with pytest.raises(torch.OutOfMemoryError):
        ours.update_from_hidden(**given, chunk_bytes=3000)
    assert len(calls) == 3
    assert ours.flat().equal(before)


def test_a_tensor_that_is_not_there_any_more_is_refused():
    def gone(*shape):
        tensor = torch.zeros(*shape)
        tensor.untyped_storage().resize_(0)
        return tensor

    labels, ours = torch.zeros(1, 4, dtype=torch.int64), TokenTypeMeter()
    with pytest.raises(
        ValueError, match=r"\[update\] expected logits with memory, got a tensor whose memory was freed"
    ):
        ours.update(logits=gone(1, 4, 7), labels=labels)
    with pytest.raises(ValueError, match=r"\[update_from_hidden\] expected weight with memory"):
        ours.update_from_hidden(hidden=torch.zeros(1, 4, 3), weight=torch.nn.Parameter(gone(7, 3)), labels=labels)
    with pytest.raises(ValueError, match=r"\[update\] expected labels with memory"):
        ours.update(logits=torch.zeros(1, 4, 7), labels=gone(1, 4))
    with pytest.raises(ValueError, match=r"\[row_stats\] expected logits with memory, got none"):
        _core.row_stats(gone(4, 7), np.zeros(4, np.int64), 0, None)  # whoever passes the first check by
    used = torch.zeros(4, 7).__dlpack__()
    torch.from_dlpack(used)
    with pytest.raises(TypeError, match=r"\[row_stats\] expected logits as a tensor, got PyCapsule"):
        tt.row_stats(used, [0] * 4)
    assert ours.flat().sum() == 0
