"""Two real gloo ranks, packed and padded, batches of one and of two: the figures of one process."""

import json
import subprocess
import sys
from pathlib import Path

import attach_on_ranks
import pytest
from trainer_oracle import ours

REFERENCE = "float64 pack 1"


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ranks")
    alone = attach_on_ranks.run_all(folder)
    script = Path(attach_on_ranks.__file__)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    started = subprocess.run([*torchrun, script, folder / "two.json"], capture_output=True, text=True, timeout=300)
    assert started.returncode == 0, started.stderr[-4000:]
    two = json.loads((folder / "two.json").read_text())
    return {(1, name): result for name, result in alone.items()} | {(2, name): result for name, result in two.items()}


def test_counts_are_exact_and_sums_agree_whatever_the_split(results):
    assert len(results) == 16
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


def test_repeats_that_even_out_the_ranks_are_not_counted(results):
    held = {"samples": 7, "typed": 5, "unparsed_bytes": 0, "skipped": {"excluded": 2}}
    trained = {"samples": 16, "typed": 16, "unparsed_bytes": 0, "skipped": {}}
    for result in results.values():
        assert result["coverage"] == [trained, held]
        assert result["eval"]["eval_skipped_samples"] == 2


def test_token_count_is_per_micro_batch_over_all_ranks(results):
    """Seven held-out samples are seven micro-batches of one, however many ranks share them."""
    for ranks in (1, 2):
        evaluated = results[ranks, REFERENCE]["eval"]
        assert evaluated["eval_token_count"] == evaluated["eval_tokens_total"] / 7


def test_one_reduction_for_each_line_of_the_log(results):
    for (ranks, _), result in results.items():
        assert result["reductions"] == ([1, 1] if ranks == 2 else [0, 0])
