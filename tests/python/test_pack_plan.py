"""Plans and packed data sets as Python users meet them."""

import pickle
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from datasets import Dataset
from torch.utils.data import DataLoader

import typetally as tt

LENGTHS = [3, 5, 9, 2, 12, 0, 7]


def test_plan_gives_arrays_and_figures() -> None:
    plan = tt.plan_packs(LENGTHS, 10)
    assert [pack.tolist() for pack in plan] == [[4], [2], [6, 0, 5], [1, 3]]
    assert (len(plan), plan.lower_bound, plan.oversized, plan.dropped) == (4, 3, 1, 0)
    assert plan.efficiency == (sum(LENGTHS) - 12) / 30
    assert plan.gap == 0.0
    assert plan.indices.dtype == np.int64
    assert plan.indices.base is not None  # a view of the core's memory
    again = pickle.loads(pickle.dumps(plan))
    assert again.offsets.tolist() == plan.offsets.tolist()
    assert again.indices.tolist() == plan.indices.tolist()


@pytest.mark.parametrize("kind", [list, np.array, torch.tensor, lambda v: np.array(v, np.uint16)])
def test_lengths_may_be_of_any_kind(kind: Any) -> None:
    assert tt.plan_packs(kind(LENGTHS), 10).indices.tolist() == tt.plan_packs(LENGTHS, 10).indices.tolist()


def test_groups_may_be_names() -> None:
    plan = tt.plan_packs([1, 1, 1, 1], 10, groups=["lvis", "coco", "lvis", "coco"])
    assert [pack.tolist() for pack in plan] == [[1, 3], [0, 2]]


def test_weights_claim_no_bound() -> None:
    plan = tt.plan_packs([1, 1, 1], 10, weights=[5, 5, 1], weight_capacity=6)
    assert [pack.tolist() for pack in plan] == [[0, 2], [1]]
    assert plan.lower_bound is None
    assert plan.gap is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"lengths": [1, -2]}, "expected lengths >= 0, got -2 at index 1"),
        ({"lengths": [1, 99], "oversized": "error"}, "capacity of 10, got 99 at index 1"),
        ({"capacity": 0}, "expected a capacity >= 1, got 0"),
        ({"oversized": "split"}, "expected oversized as one of"),
        ({"max_samples": 0}, "expected max_samples >= 1, got 0"),
        ({"lengths": [[1], [2]]}, r"expected lengths of shape \[samples\], got \[2, 1\]"),
        ({"weights": [1]}, "expected weights and weight_capacity together"),
        ({"lengths": [2**62, 2**62]}, "whose sum fits 64 bits"),
        ({"lengths": [1, 2**70]}, "expected lengths within 64 bits, got 1180591620717411303424 at index 1"),
        ({"capacity": 2**70}, "expected a capacity within 64 bits"),
    ],
)
def test_bad_calls_are_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tt.plan_packs(**{"lengths": [1, 2], "capacity": 10, **arguments})


def test_realistic_lengths_are_planned_close_to_the_bound() -> None:
    rng = np.random.default_rng(5)
    chats = rng.lognormal(np.log(600), 1.0, 100_000).clip(8, 131072)
    text = rng.lognormal(np.log(180), 0.9, 100_000)
    pictures = text + np.where(rng.random(100_000) < 0.8, rng.normal(1400, 350, 100_000).clip(64), 0)
    pairs = rng.normal(4096, 512, 100_000).clip(100, 8192)
    for lengths in (chats, pictures, pairs):
        plan = tt.plan_packs(lengths.astype(np.int64), 8192)
        assert plan.gap is not None
        assert plan.gap <= 0.0005


def test_what_is_left_out_is_not_below_the_bound() -> None:
    plan = tt.plan_packs([5, 5, 9], 10, multiple_of=8, drop_last=True)
    assert (len(plan), plan.dropped, plan.gap) == (0, 3, None)
    dropped = tt.plan_packs([5, 5, 11], 10, oversized="drop", multiple_of=1, drop_last=True)
    assert (len(dropped), dropped.dropped, dropped.gap) == (1, 1, 0.0)


def test_packed_dataset_feeds_a_data_loader_with_workers() -> None:
    rows = [{"input_ids": [i] * n, "labels": [i] * n} for i, n in enumerate(LENGTHS)]
    plan = tt.plan_packs(LENGTHS, 10)
    for dataset in (rows, Dataset.from_list(rows)):
        packed = pickle.loads(pickle.dumps(tt.PackedDataset(dataset, plan)))
        loader = DataLoader(packed, batch_size=2, collate_fn=tt.collate_packed, num_workers=2)
        ids = [batch["input_ids"] for batch in loader]
        assert [tuple(batch.shape) for batch in ids] == [(2, 12), (2, 10)]
        assert ids[1].tolist() == [[6] * 7 + [0] * 3, [1] * 5 + [3] * 2 + [0] * 3]


def test_truncated_samples_are_cut_by_the_users_function() -> None:
    plan = tt.plan_packs([3, 12], 10, oversized="truncate")
    rows = [[0] * 3, [1] * 12]
    with pytest.raises(ValueError, match="expected truncate="):
        tt.PackedDataset(rows, plan)
    packed = tt.PackedDataset(rows, plan, truncate=lambda sample, capacity: sample[:capacity])
    assert [len(sample) for pack in packed for sample in pack] == [10, 3]


def test_a_plan_of_another_data_set_is_refused() -> None:
    for rows in ([1, 2], [1] * 10):
        with pytest.raises(ValueError, match=f"a plan of {len(rows)} samples, got one of {len(LENGTHS)}"):
            tt.PackedDataset(rows, tt.plan_packs(LENGTHS, 10))


def test_a_stream_yields_each_sample_once_and_keeps_few() -> None:
    drawn = 0

    def samples() -> Iterator[dict[str, Any]]:
        nonlocal drawn
        for i in range(1000):
            drawn += 1
            yield {"input_ids": [i] * (i * 37 % 11)}

    seen = 0
    for pack in tt.stream_packs(samples(), 20, window=50):
        seen += len(pack)
        assert sum(len(sample["input_ids"]) for sample in pack) <= 20
        assert drawn - seen < 50 + 50
    assert seen == drawn == 1000


def test_a_stream_refuses_what_cannot_be() -> None:
    with pytest.raises(ValueError, match=r"\[stream_packs\] expected lengths >= 0, got -1 at index 1"):
        list(tt.stream_packs([1, -1], 5, length=lambda sample: sample))
    with pytest.raises(ValueError, match="expected a window >= 1, got 0"):
        tt.stream_packs([], 5, window=0)
