"""Two and three real gloo ranks, packed and padded, batches of one and of two: the figures of one process."""

import attach_on_ranks
import pytest
import tiny_models as tiny
from trainer_oracle import ours

REFERENCE = "float64 pack 1"


@pytest.fixture(scope="module")
def runs(on_ranks, tmp_path_factory):
    """By number of ranks and name."""
    alone = attach_on_ranks.run_all(tmp_path_factory.mktemp("alone"))
    by_ranks = {1: alone, 2: on_ranks(2)[0]["attach"], 3: on_ranks(3)[0]["attach"]}
    return {(ranks, name): result for ranks, results in by_ranks.items() for name, result in results.items()}


@pytest.fixture(scope="module")
def results(runs):
    """The runs over the same samples."""
    return {key: result for key, result in runs.items() if key[1].startswith("float")}


def assert_joined(joined, alone):
    """The same but for what depends on the split into micro-batches."""
    assert joined.keys() == alone.keys()
    for key, value in alone.items():
        counted = "_acc" in key or key.endswith(("_frac", "_total"))
        if not key.endswith("_count"):
            assert joined[key] == (value if counted else pytest.approx(value, rel=1e-9)), key


def test_counts_are_exact_and_sums_agree_whatever_the_split(results):
    assert len(results) == 8 + 8 + 4
    for mode, at in (("train", 0), ("eval", 1)):
        reference = ours(results[1, REFERENCE][mode])
        total = reference[f"{mode}_tokens_total"]
        assert 0 < reference[f"{mode}_coord_token_acc"] < 1
        for (_, name), result in results.items():
            got = ours(result[mode])
            assert got.keys() == reference.keys()
            exact = name.startswith("float64")
            for key, value in reference.items():
                if key.endswith(("_frac", "tokens_total")) or (exact and "_acc" in key):
                    assert got[key] == value, (name, key)
                elif "_acc" not in key and not key.endswith("token_count"):
                    assert got[key] == pytest.approx(value, rel=1e-9 if exact else 1e-5), (name, key)
            correct = round(got[f"{mode}_token_acc"] * total) - round(reference[f"{mode}_token_acc"] * total)
            assert abs(correct) <= (0 if exact else results[1, name]["near_ties"][at])


@pytest.mark.parametrize("ranks", [2, 3])
def test_ranks_without_a_type_or_a_target_join_those_that_have_them(runs, ranks):
    samples = attach_on_ranks.skewed_samples(ranks)
    targets = [tiny.count_targets(sample) for sample in samples]
    for mode, count in (("train", len(samples)), ("eval", attach_on_ranks.HELD)):
        alone, joined = (ours(runs[n, f"skewed {ranks}"][mode]) for n in (1, ranks))
        assert joined[f"{mode}_tokens_total"] == sum(targets[:count])
        assert_joined(joined, alone)
        assert joined[f"{mode}_token_count"] == alone[f"{mode}_token_count"]


def test_repeats_that_even_out_the_ranks_are_not_counted(results):
    samples = attach_on_ranks.SAMPLES
    held = {"samples": 7, "typed": 5, "unparsed_bytes": 0, "skipped": {"excluded": 2}}
    trained = {"samples": samples, "typed": samples, "unparsed_bytes": 0, "skipped": {}}
    for result in results.values():
        assert result["coverage"] == [trained, held]
        assert result["eval"]["eval_skipped_samples"] == 2


def test_repeated_packs_are_not_counted(runs):
    alone, two, three = (runs[ranks, "packs"] for ranks in (1, 2, 3))
    assert alone["packs"] % 4  # two ranks with batches of two packs repeat some, and so do three
    assert alone["packs"] % 6
    for joined in (two, three):
        assert joined["coverage"] == alone["coverage"]
        assert_joined(ours(joined["eval"]), ours(alone["eval"]))


@pytest.mark.parametrize("ranks", [2, 3])
def test_parts_of_rows_on_context_parallel_ranks_join(runs, ranks):
    alone, joined = (ours(runs[n, "context"]["train"]) for n in (1, ranks))
    assert joined["train_tokens_total"] == sum(tiny.count_targets(sample) for sample in tiny.text_samples(6))
    assert joined["train_typed_frac"] == 1
    assert_joined(joined, alone)


@pytest.mark.parametrize("size", [1, 2])
def test_repeats_of_a_stream_are_not_counted(runs, size):
    total = sum(tiny.count_targets(sample) for sample in tiny.text_samples(attach_on_ranks.HELD))
    for ranks in (1, 2, 3):
        joined = ours(runs[ranks, f"stream {size}"]["eval"])
        assert joined["eval_tokens_total"] == total
        assert_joined(joined, ours(runs[1, "stream 1"]["eval"]))


def test_token_count_is_per_micro_batch_over_all_ranks(results):
    """Seven held-out samples are seven micro-batches of one, however many ranks share them."""
    for ranks in (1, 2, 3):
        evaluated = results[ranks, REFERENCE]["eval"]
        assert evaluated["eval_token_count"] == evaluated["eval_tokens_total"] / 7


def test_one_reduction_for_each_line_of_the_log(results):
    for (ranks, _), result in results.items():
        assert result["reductions"] == ([["all_reduce"]] * 2 if ranks > 1 else [[], []])
