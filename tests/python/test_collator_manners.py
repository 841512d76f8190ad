"""TokenTypeCollator among others: what it leaves alone, what it says, how it travels to loader processes."""

import copy
import logging
import multiprocessing
import pickle

import numpy as np
import pytest
import tiny_models as tiny
import torch
from test_collator import ALL, collator, with_fields
from torch.utils.data import DataLoader

from typetally.base.config import TokenTypeMetricsConfig
from typetally.collator import TokenTypeCollator
from typetally.collator.filter_watch import FIRST_BATCHES
from typetally.collator.notes import NOTES_KEY, SKIP_REASONS, Coverage
from typetally.typing.typer import TokenTyper


@pytest.fixture(scope="module")
def typer():
    return TokenTyper(tiny.tokenizer())


def test_samples_are_not_changed_and_the_base_collator_sees_them_whole(typer):
    samples = with_fields(tiny.text_samples(2), {"metadata": {"dataset": "x"}}, {"dataset_name": "y"})
    before, seen = copy.deepcopy(samples), []
    TokenTypeCollator(lambda rows: seen.append(rows) or tiny.pad(rows), typer, ALL)(samples)
    assert samples == before
    assert seen == [before]


def test_without_a_trainer_only_token_types_are_added(typer):
    batch = TokenTypeCollator(tiny.pad, typer, ALL)(tiny.text_samples(2))
    assert set(batch) == {"input_ids", "labels", "attention_mask", "token_types"}
    off = TokenTypeCollator(tiny.pad, typer, TokenTypeMetricsConfig(enabled=False))(tiny.text_samples(2))
    assert set(off) == {"input_ids", "labels", "attention_mask"}


def test_types_that_are_there_already_are_kept(typer):
    samples = with_fields(tiny.text_samples(2), {}, {"token_types": [2] * len(tiny.text_samples(2)[1]["labels"])})
    batch = collator(tiny.pad, typer)(samples)
    supervised = batch["labels"][1] != -100
    assert (batch["token_types"][1][supervised] == 2).all()
    np.testing.assert_array_equal(
        batch["token_types"][0][batch["attention_mask"][0] == 1], tiny.sample_types(samples)[0]
    )
    theirs = torch.full_like(batch["labels"], 3)
    assert collator(lambda rows: {**tiny.pad(rows), "token_types": theirs}, typer)(samples)["token_types"] is theirs


def test_types_are_of_the_kind_of_the_labels(typer):
    def numpy_batch(rows):
        return {key: value.numpy() for key, value in tiny.pad(rows).items()}

    assert isinstance(collator(numpy_batch, typer)(tiny.text_samples(2))["token_types"], np.ndarray)
    one_row = collator(lambda rows: {"labels": torch.tensor(rows[0]["labels"])}, typer)(tiny.text_samples(1))
    assert one_row["token_types"].shape == one_row["labels"].shape


class BrokenTyper(TokenTyper):
    def type_labels_with_report(self, labels, cu_seqlens=None):
        raise RuntimeError("no types today")


def test_typing_that_raises_is_logged_once_and_counted(caplog):
    broken = collator(tiny.pad, BrokenTyper(tiny.tokenizer()))
    with caplog.at_level(logging.INFO, logger="typetally"):
        batches = [broken(tiny.text_samples(2)) for _ in range(3)]
    assert [(batch["token_types"] == -1).all().item() for batch in batches] == [True] * 3
    assert [batch[NOTES_KEY].coverage().skipped for batch in batches] == [{"error": 2}] * 3
    assert [record.exc_info[1].args for record in caplog.records] == [("no types today",)]


def test_unreadable_labels_do_not_stop_the_loader(typer):
    samples = [{"input_ids": [1, 2], "labels": ["a", "b"]}]
    batch = collator(lambda rows: {"labels": torch.tensor([[-100, 5]])}, typer)(samples)
    assert batch["token_types"].shape == (1, 2)


def test_one_warning_names_the_labels_seen_where_nothing_matches(typer, caplog):
    samples = with_fields(tiny.text_samples(2), {"dataset": "COCO"}, {})
    nothing = TokenTypeCollator(tiny.pad, typer, TokenTypeMetricsConfig())
    for _ in range(3 * FIRST_BATCHES):
        nothing(samples)
    (warning,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert "'coco'" in warning
    assert "'default'" in warning
    assert '("*",)' in warning


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_loader_processes_give_the_same_batches_and_exact_counts(typer, method):
    samples = with_fields(tiny.text_samples(6), {"dataset": "lvis"}, *[{"dataset": "coco"}] * 4, {"dataset": "lvis"})
    made = collator(tiny.pack, typer, TokenTypeMetricsConfig())
    context = multiprocessing.get_context(method)
    loader = DataLoader(samples, batch_size=2, num_workers=2, collate_fn=made, multiprocessing_context=context)
    here = [made(samples[k : k + 2]) for k in (0, 2, 4)]
    total = Coverage()
    for got, expected in zip(loader, here, strict=True):
        assert torch.equal(got["token_types"], expected["token_types"])
        total.add(got[NOTES_KEY].coverage())
    assert total == Coverage(samples=6, typed=2, skipped={"excluded": 4})


def test_pickling_and_attributes_of_the_base_collator(typer):
    class Base:
        tokenizer = "the base's own"

        def __call__(self, rows):
            return tiny.pad(rows)

    assert TokenTypeCollator(Base(), typer, ALL).tokenizer == "the base's own"
    made = collator(tiny.pad, typer)
    again = pickle.loads(pickle.dumps(made))
    samples = tiny.text_samples(2)
    assert torch.equal(again(samples)["token_types"], made(samples)["token_types"])
    with pytest.raises(AttributeError, match="no_such"):
        _ = made.no_such


def test_coverage_survives_the_exchange_between_ranks():
    coverage = Coverage(7, 3, 11, {reason: k + 1 for k, reason in enumerate(SKIP_REASONS)})
    assert Coverage.from_flat(coverage.to_flat()) == coverage
    both = Coverage.from_flat(coverage.to_flat() + coverage.to_flat())
    coverage.add(copy.deepcopy(coverage))
    assert both == coverage


@pytest.mark.parametrize(
    ("arguments", "error"),
    [(("not callable",), TypeError), ((tiny.pad, "json"), ValueError)],
)
def test_bad_calls_say_what_was_expected(typer, arguments, error):
    base, *route = arguments
    with pytest.raises(error, match=r"\[TokenTypeCollator\] expected"):
        TokenTypeCollator(base, typer, ALL, *route)


@pytest.mark.parametrize(("name", "wrong"), [("typer", "auto"), ("config", {"include": ["*"]})])
def test_what_types_and_filters_is_checked_where_it_comes_in(typer, name, wrong):
    with pytest.raises(TypeError, match=rf"\[token types\] expected {name} as a Token.*, got {type(wrong).__name__}"):
        TokenTypeCollator(tiny.pad, **({"typer": typer, "config": ALL} | {name: wrong}))
