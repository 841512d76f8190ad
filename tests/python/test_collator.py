"""TokenTypeCollator: types land on the labels they belong to, whatever the base collator does with its samples."""

import copy
import json
import logging
from itertools import chain, pairwise

import numpy as np
import pytest
import tiny_models as tiny
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import typetally as tt
from typetally.base.config import TokenTypeMetricsConfig
from typetally.collator import TokenTypeCollator
from typetally.collator.notes import NOTES_KEY, Coverage
from typetally.collator.placement import TypedDocument, place
from typetally.demo.shapes import draw_scene
from typetally.text.vocabulary import Vocabulary
from typetally.typing.typer import TokenTyper

ALL = TokenTypeMetricsConfig(include=("*",))


@pytest.fixture(scope="module")
def typer():
    return TokenTyper(Vocabulary.from_tokenizer(tiny.tokenizer()))


def collator(base, typer, config=ALL, **options):
    made = TokenTypeCollator(base, typer, config, **options)
    made.carry_notes = True
    return made


def payload(seed):
    return json.loads(draw_scene(seed).answer)


def with_fields(samples, *fields):
    return [{**sample, **extra} for sample, extra in zip(samples, fields, strict=True)]


# Placement as a property ---------------------------------------------------------------------------------------------


@st.composite
def collated(draw):
    """Documents, and the rows that some collator might make of them, by a slow and obvious construction."""
    lengths = draw(st.lists(st.integers(1, 6), min_size=1, max_size=6))
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    documents = [
        TypedDocument(np.where(rng.random(n) < 0.3, -100, rng.integers(0, 50, n)), rng.integers(1, 4, n, dtype=np.int8))
        for n in lengths
    ]
    for document in documents:
        document.types[document.labels == -100] = -1
    layout = draw(st.sampled_from(["padded", "one pack", "packs", "next fit"]))
    left = draw(st.booleans())
    rows, items = [[k] for k in range(len(lengths))], [1] * len(lengths)
    if layout == "one pack":
        rows = [list(range(len(lengths)))]
    elif layout == "packs":
        cuts = sorted(draw(st.sets(st.integers(1, len(lengths)), max_size=3)) | {0, len(lengths)})
        rows = [list(range(a, b)) for a, b in pairwise(cuts)]
        items = [len(row) for row in rows]
    elif layout == "next fit":
        rows, left = [[]], False
        for k, n in enumerate(lengths):
            if rows[-1] and sum(lengths[i] for i in rows[-1]) + n > max(lengths):
                rows.append([])
            rows[-1].append(k)
    width = max(sum(lengths[k] for k in row) for row in rows) + (0 if layout == "next fit" else draw(st.integers(0, 3)))
    labels, types = np.full((len(rows), width), -100), np.full((len(rows), width), -1, dtype=np.int8)
    mask = np.zeros((len(rows), width), dtype=bool)
    for r, row in enumerate(rows):
        at = width - sum(lengths[k] for k in row) if left else 0
        for k in row:
            span = slice(at, at + lengths[k])
            labels[r, span], types[r, span], mask[r, span] = documents[k].labels, documents[k].types, True
            if draw(st.booleans()):  # packers mask a document's first label
                labels[r, at], types[r, at] = -100, -1
            at += lengths[k]
    return documents, items, labels, mask if draw(st.booleans()) or left else None, types


@settings(max_examples=300, deadline=None)
@given(collated())
def test_types_follow_their_labels_through_any_collation(case):
    documents, items, labels, mask, types = case
    placement = place(labels, mask, documents, items)
    np.testing.assert_array_equal(placement.types, types)
    assert all(placement.matched)


@settings(max_examples=300, deadline=None)
@given(collated(), st.data())
def test_a_row_that_is_not_its_documents_is_ignored_and_no_other(case, data):
    documents, items, labels, mask, types = case
    row, column = (data.draw(st.integers(0, n - 1)) for n in labels.shape)
    labels[row, column] = 99  # no document holds this id
    placement = place(labels, mask, documents, items)
    types[row] = -1
    np.testing.assert_array_equal(placement.types, types)
    assert [m for m, r in zip(placement.matched, placement.rows, strict=True) if r == row].count(True) == 0
    assert all(m for m, r in zip(placement.matched, placement.rows, strict=True) if r != row)


# The seed's rules ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", ["left", "right"])
def test_padded_rows_have_their_samples_types_and_ignore_elsewhere(typer, side):
    samples = tiny.text_samples(4)
    batch = collator(lambda rows: tiny.pad(rows, side), typer)(samples)
    assert batch["token_types"].dtype == torch.int8
    assert batch["token_types"].shape == batch["labels"].shape == batch["attention_mask"].shape
    for row, types in enumerate(tiny.sample_types(samples)):
        inside = batch["attention_mask"][row] == 1
        np.testing.assert_array_equal(batch["token_types"][row][inside], types)
    assert (batch["token_types"][batch["attention_mask"] == 0] == -1).all()
    assert (batch["token_types"][batch["labels"] == -100] == -1).all()
    assert {1, 2, 3} <= set(batch["token_types"].unique().tolist())


def test_a_supervised_token_that_the_batchs_mask_hides_is_ignored(typer):
    def hiding(rows):
        batch = tiny.pad(rows)
        batch["attention_mask"][:, 12] = 0
        return batch

    batch = collator(hiding, typer)(tiny.text_samples(3))
    assert (batch["labels"][:, 12] != -100).all()
    assert (batch["token_types"][:, 12] == -1).all()
    assert (batch["token_types"][:, 13] != -1).all()


@pytest.mark.parametrize("count", [1, 2, 5])
def test_packed_types_are_the_samples_types_in_the_packers_order(typer, count):
    samples = tiny.vision_samples(5)[:count]  # with pictures and without
    batch = collator(tiny.pack, typer)(samples)
    assert batch["token_types"].shape == batch["labels"].shape
    np.testing.assert_array_equal(batch["token_types"][0], np.concatenate(tiny.sample_types(samples)))
    ends = np.cumsum([len(sample["labels"]) for sample in samples])
    np.testing.assert_array_equal(batch[NOTES_KEY].cu_seqlens, [0, *ends])
    assert batch[NOTES_KEY].item_ends == ends.tolist()


def test_items_that_are_packs_fill_a_row_each_and_an_oversized_sample_has_one_alone(typer):
    samples = tiny.text_samples(5)
    long = {key: samples[0][key] * 8 for key in ("input_ids", "labels")}
    items = [samples[:2], [long], samples[2:]]

    def rows_of_packs(packs):
        return tiny.pad(
            [{k: list(chain.from_iterable(s[k] for s in pack)) for k in ("input_ids", "labels")} for pack in packs]
        )

    batch = collator(rows_of_packs, typer)(items)
    for row, pack in enumerate(items):
        expected = np.concatenate(tiny.sample_types(pack))
        np.testing.assert_array_equal(batch["token_types"][row, : len(expected)], expected)
        assert (batch["token_types"][row, len(expected) :] == -1).all()
    assert batch[NOTES_KEY].coverage() == Coverage(samples=6, typed=6)


@pytest.mark.parametrize(
    ("config", "admitted"),
    [
        ({}, [True, False, False, False, True]),
        ({"include": ["*"]}, [True, True, True, True, True]),
        ({"include": ["*"], "exclude": ["LVIS "]}, [False, True, True, True, False]),
        ({"include": ["lvis", "coco"], "exclude": ["coco"]}, [True, False, False, False, True]),
        ({"include": []}, [False, False, False, False, False]),
        ({"include": ["default"]}, [False, False, False, True, False]),
    ],
)
@pytest.mark.parametrize("base", [tiny.pack, tiny.pad])
def test_the_data_set_filter_blanks_samples_and_not_their_batch(typer, config, admitted, base):
    samples = with_fields(
        tiny.text_samples(5),
        {"metadata": {"dataset": " LVIS"}, "dataset": "coco"},
        {"metadata": {}, "dataset": "coco", "dataset_name": "lvis"},
        {"dataset_name": "Other"},
        {},
        {"metadata": None, "dataset_name": "lvis"},
    )
    batch = collator(base, typer, TokenTypeMetricsConfig.from_mapping(config))(samples)
    expected = [types if ok else types * 0 - 1 for types, ok in zip(tiny.sample_types(samples), admitted, strict=True)]
    got = batch["token_types"][batch.get("attention_mask", torch.ones_like(batch["labels"])) == 1]
    np.testing.assert_array_equal(got, np.concatenate(expected))
    reasons = ["excluded" if not ok else None for ok in admitted]
    assert [sample.reason for sample in batch[NOTES_KEY].samples] == reasons


def test_without_supervision_everything_is_ignored(typer):
    samples = [{**sample, "labels": [-100] * len(sample["labels"])} for sample in tiny.text_samples(2)]
    batch = collator(tiny.pack, typer)(samples)
    assert (batch["token_types"] == -1).all()
    assert batch[NOTES_KEY].coverage() == Coverage(samples=2, skipped={"unsupervised": 2})


def test_a_length_mismatch_ignores_its_padded_row_is_logged_and_counted(typer, caplog):
    samples = tiny.text_samples(4)
    cut = min(len(sample["labels"]) for sample in samples)
    longer = [len(sample["labels"]) > cut for sample in samples]

    def truncating(rows):
        return tiny.pad([{key: value[:cut] for key, value in row.items()} for row in rows])

    with caplog.at_level(logging.DEBUG, logger="typetally"):
        batch = collator(truncating, typer)(samples)
    for row, types in enumerate(tiny.sample_types(samples)):
        np.testing.assert_array_equal(batch["token_types"][row], np.full(cut, -1) if longer[row] else types)
    assert batch[NOTES_KEY].coverage().skipped == {"length_mismatch": sum(longer)}
    records = [record for record in caplog.records if "length mismatch" in record.message]
    assert [record.levelno for record in records] == [logging.DEBUG] * sum(longer)


@pytest.mark.parametrize("spoil", ["cut", "swap", "separator"])
def test_a_mismatch_ignores_the_whole_batch_where_it_is_one_pack(typer, spoil):
    samples = tiny.text_samples(3)

    def packer(rows):
        if spoil == "swap":
            return tiny.pack(rows[::-1])
        batch = tiny.pack(rows)
        if spoil == "cut":
            return {key: value[..., :-1] for key, value in batch.items()}
        return {key: torch.cat([value[..., :10], value[..., :1], value[..., 10:]], -1) for key, value in batch.items()}

    batch = collator(packer, typer)(samples)
    assert (batch["token_types"] == -1).all()
    assert batch["token_types"].shape == batch["labels"].shape
    assert batch[NOTES_KEY].coverage().skipped == {"length_mismatch": 3}


def test_a_token_that_a_samples_own_mask_hides_is_ignored_in_a_pack_that_keeps_it(typer):
    sample = dict(tiny.text_samples(1)[0])
    alone = collator(tiny.pack, typer)([sample])["token_types"][0].tolist()
    sample["attention_mask"] = [1] * (len(alone) - 1) + [0]
    types = collator(tiny.pack, typer)([sample])["token_types"][0].tolist()
    assert alone[-1] != -1
    assert types == [*alone[:-1], -1]


@pytest.mark.parametrize("drops", [True, False])
def test_tokens_that_a_samples_own_mask_hides_may_be_left_out(typer, drops):
    """Samples that come padded: tt.collate_packed leaves their padding out, other packers keep it."""
    plain = tiny.text_samples(3)
    samples = [{key: value + [fill] * 3 for key, fill, value in _fields(sample)} for sample in plain]
    batch = collator(tt.collate_packed if drops else tiny.pack, typer)(samples)
    types = [types if drops else [*types, -1, -1, -1] for types in tiny.sample_types(plain)]
    np.testing.assert_array_equal(batch["token_types"][0], np.concatenate(types))
    assert batch[NOTES_KEY].coverage().typed == 3


def _fields(sample):
    yield "input_ids", tiny.tokenizer().pad_token_id, sample["input_ids"]
    yield "labels", -100, sample["labels"]
    yield "attention_mask", 0, [1] * len(sample["labels"])


def test_samples_that_are_no_mappings_are_typed_from_the_batch(typer):
    pairs = [(torch.tensor(sample["input_ids"]), torch.tensor(sample["labels"])) for sample in tiny.text_samples(2)]
    batch = collator(lambda rows: tiny.pack([{"input_ids": a, "labels": b} for a, b in rows]), typer)(pairs)
    np.testing.assert_array_equal(batch["token_types"][0], np.concatenate(tiny.sample_types(tiny.text_samples(2))))
    assert batch[NOTES_KEY].coverage() == Coverage(samples=2, typed=2)


def test_the_payload_route_aligns_and_blanks_only_what_does_not(typer):
    plain = tiny.text_samples(5)
    wrong = payload(1)
    wrong["objects"][0]["desc"] += "!"
    samples = with_fields(
        plain,
        {"assistant_payload": payload(0)},
        {"assistant_payload": wrong},
        {},
        {"metadata": {"assistant_payload": payload(3)}},
        {"metadata": "not a mapping", "assistant_payload": payload(4)},
    )
    batch = collator(tiny.pad, typer, route="payload", suffix="<|im_end|>\n")(samples)
    assert [s.reason for s in batch[NOTES_KEY].samples] == [None, "misaligned", "no_payload", None, None]
    for row, (sample, types) in enumerate(zip(plain, tiny.sample_types(plain), strict=True)):
        got = batch["token_types"][row, : len(sample["labels"])].numpy()
        np.testing.assert_array_equal(got, types if row not in (1, 2) else np.full_like(types, -1))


@pytest.mark.parametrize("unknown", [10**6, -5])
@pytest.mark.parametrize("base", [tiny.pack, tiny.pad])
def test_an_unknown_id_blanks_its_own_sample(typer, base, unknown):
    samples = copy.deepcopy(tiny.text_samples(3))
    samples[1]["labels"][-1] = unknown
    batch = collator(base, typer)(samples)
    inside = batch.get("attention_mask", torch.ones_like(batch["labels"])) == 1
    first, last = tiny.sample_types([samples[0], samples[2]])
    expected = [first, np.full(len(samples[1]["labels"]), -1), last]
    np.testing.assert_array_equal(batch["token_types"][inside], np.concatenate(expected))
    assert batch[NOTES_KEY].coverage().skipped == {"unknown_id": 1}


# Samples without labels ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("base", [tiny.pack, tiny.pad])
@pytest.mark.parametrize("include", ["*", "lvis"])
def test_samples_without_labels_are_typed_from_the_batch(typer, base, include):
    """A collator that makes the labels: what stands after the prompt is supervised."""
    samples = [{"input_ids": sample["input_ids"]} for sample in tiny.text_samples(3)]
    samples[1]["dataset"] = "lvis"

    def labelling(rows):
        own = {tuple(sample["input_ids"]): sample for sample in tiny.text_samples(3)}
        return base([own[tuple(row["input_ids"])] for row in rows])

    batch = collator(labelling, typer, TokenTypeMetricsConfig(include=(include,)))(samples)
    types = tiny.sample_types(tiny.text_samples(3))
    expected = [t if include == "*" or k == 1 else np.full_like(t, -1) for k, t in enumerate(types)]
    inside = batch.get("attention_mask", torch.ones_like(batch["labels"])) == 1
    np.testing.assert_array_equal(batch["token_types"][inside], np.concatenate(expected))
    assert batch[NOTES_KEY].coverage().typed == (3 if include == "*" else 1)


def test_samples_whose_place_cannot_be_told_are_typed_only_if_the_filter_takes_them_all(typer):
    """One item that turns into two documents in one row: which of them is excluded?"""
    samples = [{"messages": 1, "dataset": "lvis"}, {"messages": 2, "dataset": "other"}, {"messages": 3}]

    def two_documents(rows):
        return tiny.pack(tiny.text_samples(2))

    typed = collator(two_documents, typer)(samples)
    np.testing.assert_array_equal(typed["token_types"][0], np.concatenate(tiny.sample_types(tiny.text_samples(2))))
    mixed = collator(two_documents, typer, TokenTypeMetricsConfig())(samples)
    assert (mixed["token_types"] == -1).all()
    assert mixed[NOTES_KEY].coverage().skipped == {"excluded": 2, "length_mismatch": 1}


def test_boundaries_that_disagree_are_noted(typer):
    def disagreeing(rows):
        batch = tiny.pack(rows)
        end = batch["labels"].shape[1]
        return batch | {"cu_seq_lens_q": torch.tensor([0, 7, end], dtype=torch.int32)}

    batch = collator(disagreeing, typer)(tiny.text_samples(2))
    assert batch[NOTES_KEY].cu_seqlens is None
    assert "7" in batch[NOTES_KEY].problem
    assert batch[NOTES_KEY].coverage().skipped == {"boundaries": 2}
