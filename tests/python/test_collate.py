"""Collation: every layout of the same samples has the same targets, and packs keep what they were made of."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import typetally as tt
from typetally import _core

KINDS = {
    "list": list,
    "numpy": lambda v: np.asarray(v, np.int64),
    "torch": lambda v: torch.tensor(v, dtype=torch.int64),
}


@st.composite
def samples_of(draw: Any, kind: str = "list") -> list[dict[str, Any]]:
    samples = []
    for length in draw(st.lists(st.integers(1, 9), min_size=1, max_size=6)):
        row = st.lists(st.sampled_from([-100, 5, 6]), min_size=length, max_size=length)
        labels = draw(row)
        types = [-1 if label < 0 else draw(st.sampled_from([1, 2, 3])) for label in labels]
        fields = {"input_ids": list(range(1, length + 1)), "labels": labels, "token_types": types}
        samples.append({name: KINDS[kind](value) for name, value in fields.items()} | {"dataset": "lvis"})
    return samples


def targets(batch: dict[str, Any]) -> list[tuple[int, int]]:
    """Sorted (label, type) of every target that the tally finds in a batch."""
    cu_seqlens = tt.document_boundaries(batch)
    labels, types = np.asarray(batch["labels"]), np.asarray(batch["token_types"])
    found = _core.find_targets(labels.ravel(), types.ravel(), labels.shape[1], cu_seqlens, False)
    return sorted(zip(found.labels.tolist(), found.types.tolist(), strict=True))


def expected_targets(samples: list[dict[str, Any]]) -> list[tuple[int, int]]:
    pairs = (zip(s["labels"][1:], s["token_types"][1:], strict=True) for s in samples)
    return sorted((int(label), int(kind)) for pair in pairs for label, kind in pair if label >= 0)


@given(samples=st.sampled_from(list(KINDS)).flatmap(samples_of), multiple=st.integers(1, 5), cut=st.integers(0, 6))
@settings(max_examples=150, deadline=None)
def test_every_layout_has_the_targets_of_the_samples(samples: list[Any], multiple: int, cut: int) -> None:
    expected = expected_targets(samples)
    rows = [pack for pack in (samples[:cut], samples[cut:]) if pack]
    for fields in ("transformers", "swift", "megatron"):
        for packs in (samples, rows):
            batch = tt.collate_packed(packs, fields, multiple_of=multiple)
            assert "attention_mask" not in batch
            assert batch["input_ids"].shape[1] % multiple == 0
            assert targets(batch) == expected
            assert {name for name in batch if "dataset" in name} == set()
    for side in ("left", "right"):
        batch = tt.collate_padded(samples, side=side, multiple_of=multiple)
        assert targets(batch) == expected
        assert batch["token_types"].shape == batch["labels"].shape == batch["attention_mask"].shape
        hidden = np.asarray(batch["attention_mask"]) == 0
        assert (np.asarray(batch["token_types"])[hidden] == -1).all()
        assert (np.asarray(batch["labels"])[hidden] == -100).all()


def test_packed_fields_are_those_of_transformers() -> None:
    from transformers import DataCollatorWithFlattening

    samples = [{"input_ids": [7, 8, 9], "labels": [-100, 8, 9]}, {"input_ids": [4, 5], "labels": [4, 5]}]
    theirs = DataCollatorWithFlattening(return_flash_attn_kwargs=True, return_seq_idx=True)(samples)
    ours = tt.collate_packed(samples, seq_idx=True, mask_first_label=True)
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        if isinstance(value, torch.Tensor):
            assert ours[name].dtype == value.dtype, name
            assert torch.equal(ours[name], value), name
        else:
            assert (type(ours[name]), ours[name]) == (type(value), value), name


def test_first_labels_are_untouched_unless_asked() -> None:
    samples = [{"input_ids": ids, "labels": ids, "token_types": [2] * len(ids)} for ids in ([1, 2], [3])]
    assert tt.collate_packed(samples)["labels"].tolist() == [[1, 2, 3]]
    masked = tt.collate_packed(samples, mask_first_label=True)
    assert masked["labels"].tolist() == [[-100, 2, -100]]
    assert masked["token_types"].tolist() == [[-1, 2, -1]]


def test_mrope_positions_of_pictures_and_texts_share_a_row() -> None:
    picture = {
        "input_ids": torch.tensor([1, 9, 9]),
        "position_ids": torch.tensor([[[0, 1, 1]], [[0, 1, 1]], [[0, 1, 2]]]),
        "pixel_values": torch.ones(8, 4),
        "image_grid_thw": torch.tensor([[1, 2, 4]]),
    }
    text = {"input_ids": torch.tensor([1, 2])}
    packed = tt.collate_packed([text, picture, picture])
    expected = [[0, 1, 0, 1, 2, 0, 1, 2], [0, 1, 0, 1, 1, 0, 1, 1], [0, 1, 0, 1, 1, 0, 1, 1], [0, 1, 0, 1, 2, 0, 1, 2]]
    assert packed["position_ids"][:, 0].tolist() == expected
    assert packed["pixel_values"].shape == (16, 4)
    assert packed["image_grid_thw"].tolist() == [[1, 2, 4], [1, 2, 4]]
    assert tt.document_boundaries(packed).tolist() == [0, 2, 5, 8]
    padded = tt.collate_padded([text, picture], side="left")
    assert padded["position_ids"][:, 1].tolist() == [[0, 1, 1], [0, 1, 1], [0, 1, 2]]
    swift = tt.collate_packed([text, picture], "swift")
    assert swift["text_position_ids"].tolist() == [[0, 1, 0, 1, 2]]
    assert tt.collate_packed([text, picture], "megatron")["position_ids"].shape == (3, 1, 5)


def test_hidden_tokens_are_left_out_of_packs_and_ignored_in_padded_rows() -> None:
    sample = {"input_ids": [0, 0, 5, 6], "labels": [-100, -100, 5, 6], "token_types": [-1, 1, 1, 2]}
    sample["attention_mask"] = [0, 0, 1, 1]
    packed = tt.collate_packed([sample, sample])["input_ids"]
    assert isinstance(packed, torch.Tensor)  # as from lists that hide nothing
    assert packed.tolist() == [[5, 6, 5, 6]]
    padded = tt.collate_padded([sample])
    assert padded["attention_mask"].tolist() == [[0, 0, 1, 1]]
    assert padded["token_types"].tolist() == [[-1, -1, 1, 2]]


def test_results_are_of_the_samples_kind() -> None:
    ids = [3, 4]
    assert isinstance(tt.collate_packed([{"input_ids": np.array(ids)}])["input_ids"], np.ndarray)
    assert isinstance(tt.collate_packed([{"input_ids": torch.tensor(ids)}])["input_ids"], torch.Tensor)
    assert isinstance(tt.collate_packed([{"input_ids": ids}])["input_ids"], torch.Tensor)
    assert isinstance(tt.collate_padded([{"input_ids": ids}], return_tensors="np")["input_ids"], np.ndarray)


@given(samples=samples_of("torch"))
@settings(max_examples=20, deadline=None)
def test_a_torch_without_an_exchange_table_gets_the_same(samples: list[Any]) -> None:
    packed, padded = tt.collate_packed(samples, seq_idx=True, seq_lengths=True), tt.collate_padded(samples, 3, "left")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.Tensor, "__dlpack_c_exchange_api__", None, raising=False)
        again = tt.collate_packed(samples, seq_idx=True, seq_lengths=True), tt.collate_padded(samples, 3, "left")
    for ours, theirs in zip((packed, padded), again, strict=True):
        assert list(ours) == list(theirs)
        for name, value in ours.items():
            if not isinstance(value, torch.Tensor):
                assert value == theirs[name]
                continue
            assert (value.dtype, value.shape, value.stride()) == (theirs[name].dtype, value.shape, value.stride())
            assert torch.equal(value, theirs[name])


@pytest.mark.parametrize("kind", ["numpy", "torch"])
def test_what_is_kept_of_a_batch_outlives_all_others(kind: str) -> None:
    """Fields that are let go in any order and by any thread leave the memory of the others alone."""
    rng = np.random.default_rng(0)
    kept: list[tuple[int, Any]] = []

    def drop(order: np.random.Generator) -> None:
        for _ in range(300):
            if kept:
                kept.pop(int(order.integers(len(kept))))

    with ThreadPoolExecutor(1) as pool:
        for number in range(600):
            ids = KINDS[kind]([number] * int(rng.integers(1, 2000)))
            batch = tt.collate_packed([{"input_ids": ids, "labels": ids, "mm_token_type_ids": ids}])
            kept += [(number, batch[name]) for name in ("labels", "input_ids", "mm_token_type_ids")]
            if number % 200 == 100:
                dropped = pool.submit(drop, np.random.default_rng(number))
        dropped.result()
    assert len(kept) > 500
    for number, values in kept:
        assert (values == number).all()
        values += 1  # nobody else's
    assert all((values == number + 1).all() for number, values in kept)


PICTURE: dict[str, Any] = {"input_ids": [1], "pixel_values": np.ones((2, 3))}


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        ([], "expected samples, got none"),
        (
            [PICTURE, {**PICTURE, "pixel_values": np.ones((2, 4))}],
            r"pixel_values of sample 1 of shape \[n, 3\], got \[2, 4\]",
        ),
        ([{**PICTURE, "image_grid_thw": 3}], r"image_grid_thw of sample 0 as sizes \[pictures, 3\], got \[3\]"),
        ([{**PICTURE, "image_grid_thw": [[1, -2, 4]]}], r"image_grid_thw of sample 0 as sizes \[pictures, 3\], got"),
        ([PICTURE, {**PICTURE, "image_grid_thw": [[1, 2, 2]]}], "expected 4 rows of pixel_values in sample 1, got 2"),
        ([{**PICTURE, "pixel_values": 3}], "pixel_values of sample 0 with an axis of pictures, got a number"),
        ([{"input_ids": [1], "token_types": [257]}], "token_types of sample 0 from -128 to 127, got 257 at position 0"),
        ([{"labels": [1]}], "expected input_ids in sample 0, got none"),
        ([{"input_ids": [1, 2]}, {"input_ids": [1, 2], "labels": [1]}], "labels in every sample, got none in sample 0"),
        ([{"input_ids": [1]}, {"input_ids": [1, 2], "token_types": [1]}], r"token_types of sample 1 .* \(2\), got 1"),
        ([{"input_ids": [[1, 2], [3, 4]]}], r"input_ids of sample 0 of shape \[tokens\], got \[2, 2\]"),
        ([{"input_ids": [1], "position_ids": [[0], [0]]}], "position_ids of sample 0 of shape"),
    ],
)
def test_bad_samples_are_named(samples: list[Any], message: str) -> None:
    for collate in (tt.collate_packed, tt.collate_padded):
        with pytest.raises(ValueError, match=message):
            collate(samples)


@pytest.mark.parametrize(
    ("pad", "error"),
    [
        (-1, ValueError),
        (2**31, ValueError),
        (2**70, ValueError),
        ("0", TypeError),
        (True, TypeError),
        (None, TypeError),
    ],
)
def test_a_pad_id_that_no_vocabulary_has_is_refused(pad: Any, error: type[Exception]) -> None:
    for collate in (tt.collate_packed, tt.collate_padded):
        with pytest.raises(error, match=rf"\[{collate.__name__}\] expected pad_token_id .*, got '?{pad}"):
            collate([{"input_ids": [1]}], pad_token_id=pad)
    assert tt.collate_padded([{"input_ids": [1]}], pad_token_id=np.int64(7), multiple_of=2)["input_ids"].tolist() == [
        [1, 7]
    ]


def test_batches_that_cannot_be_are_refused() -> None:
    sample = {"input_ids": [1, 2]}
    for samples, options, error, message in (
        ([[sample], []], {}, ValueError, "expected samples in pack 1, got none"),
        (sample, {}, TypeError, "expected a list of samples, got dict"),
        (iter([sample]), {}, TypeError, "expected a list of samples, got list_iterator"),
        ([sample, [sample]], {}, TypeError, "expected sample 1 as a mapping, got list"),
        ([sample, {"input_ids": [1, 2.5]}], {}, TypeError, "input_ids of sample 1 of an integer dtype, got float64"),
        ([{"input_ids": [[1], [2, 3]]}], {}, TypeError, "input_ids of sample 0 as an array, got ragged lists"),
        ([sample], {"multiple_of": 0}, ValueError, "expected multiple_of >= 1, got 0"),
        ([sample], {"multiple_of": 2**62}, ValueError, r"at most 2\^31 - 1 positions"),
        ([[sample]] * 3, {"multiple_of": 2**30}, ValueError, r"at most 2\^31 - 1 positions, got 3 rows of 2 tokens"),
        ([sample], {"fields": "trl"}, ValueError, "expected fields as one of"),
    ):
        with pytest.raises(error, match=message):
            tt.collate_packed(samples, **options)  # type: ignore[arg-type]
