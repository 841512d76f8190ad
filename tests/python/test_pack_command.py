"""`typetally pack` on LVIS answers, and plans in files."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import typetally as tt
from typetally.text.text_encoder import TextEncoder

FIELDS = ("offsets", "indices", "oversized_indices", "dropped_indices")


def pack(*arguments: Any, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "typetally.cli.main", "pack", *map(str, arguments)]
    wide = os.environ | {"COLUMNS": "300"}
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=folder, env=wide)


def same(a: tt.PackPlan, b: tt.PackPlan) -> bool:
    figures = [(p.capacity, p.lower_bound, p.efficiency, p.gap, p.truncated) for p in (a, b)]
    return figures[0] == figures[1] and all(np.array_equal(getattr(a, name), getattr(b, name)) for name in FIELDS)


@pytest.fixture
def tokenizer(shared_data: Path) -> Path:
    return shared_data / "tokenizers/qwen3"


@pytest.fixture
def answers(shared_data: Path) -> list[str]:
    data = json.loads((shared_data / "lvis_val_100.json").read_text())
    objects: dict[int, list[Any]] = {}
    for found in data["annotations"]:
        objects.setdefault(found["image_id"], []).append({"bbox_2d": [round(x) for x in found["bbox"]]})
    return [json.dumps(of_image) for of_image in objects.values()]


def write(path: Path, answers: list[str]) -> None:
    """Every third is of another data set."""
    records = [
        {"question": "Find all.", "answer": text, "dataset": "lvis" if k % 3 else "coco"}
        for k, text in enumerate(answers)
    ]
    path.write_text("\n".join(map(json.dumps, records)))


def test_the_plan_is_that_of_the_tokenizers_lengths(answers: list[str], tokenizer: Path, tmp_path: Path) -> None:
    write(tmp_path / "train.jsonl", answers)
    encoder = TextEncoder(tokenizer)
    question = len(encoder.encode(["Find all."])[0])
    lengths = [len(ids) + question + 9 for ids in encoder.encode(answers)]
    options = ("train.jsonl", "--tokenizer", tokenizer, "--capacity", 512, "--extra-tokens", 9)

    done = pack(*options, "--json", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    expected = tt.plan_packs(lengths, 512)
    assert 0 < expected.oversized < len(expected)
    assert same(tt.PackPlan.load(tmp_path / "train.packs.npz"), expected)
    summary = json.loads(done.stdout)
    figures = {name: summary[name] for name in ("samples", "tokens", "packs", "lower_bound", "efficiency", "dropped")}
    assert figures == {
        "samples": len(lengths),
        "tokens": sum(lengths),
        "packs": len(expected),
        "lower_bound": expected.lower_bound,
        "efficiency": expected.efficiency,
        "dropped": 0,
    }
    bins = summary["histogram"]
    assert [one["samples"] for one in bins] == [
        sum(one["from"] <= length <= one["to"] for length in lengths) for one in bins
    ]
    assert sum(one["samples"] for one in bins) == len(lengths)

    many = ("--oversized", "drop", "--max-samples", 4, "--multiple-of", 8, "--seed", 3, "--by-label")
    done = pack(*options, *many, "--out", "plan.arrow", folder=tmp_path)
    labels = ["lvis" if k % 3 else "coco" for k in range(len(lengths))]
    expected = tt.plan_packs(lengths, 512, oversized="drop", max_samples=4, multiple_of=8, seed=3, groups=labels)
    assert same(tt.PackPlan.load(tmp_path / "plan.arrow"), expected)
    for shown in (f"{len(lengths)} samples", f"{sum(lengths):,} tokens", "oversized (drop)", "█", "plan: plan.arrow"):
        assert shown in done.stdout


def test_lines_that_cannot_be_used_keep_their_number(answers: list[str], tokenizer: Path, tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    write(path, answers[:4])
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], "", "not json", *lines[1:], "{}"]))
    done = pack(path, "--tokenizer", tokenizer, "--capacity", 10_000, folder=tmp_path)
    assert done.returncode == 1
    assert "lines that cannot be used: 2 (3, 7)" in done.stdout
    plan = tt.PackPlan.load(tmp_path / "train.packs.npz")
    assert sorted(plan.indices.tolist()) == [0, 2, 3, 4]  # as `datasets` counts rows: the blank line is none
    assert plan.dropped_indices.tolist() == [1, 5]


def test_wrong_calls_exit_with_2(answers: list[str], tokenizer: Path, tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    write(path, [answers[0], "x" * 200, answers[1]])
    good = (path, "--tokenizer", tokenizer, "--capacity", 100_000)
    for arguments, message in (
        ((*good[:-1], 0), "--capacity"),
        ((*good, "--oversized", "split"), "expected oversized as one of"),
        ((*good, "--out", "plan.txt"), "expected a file name that ends with .npz or .arrow, got plan.txt"),
        ((*good, "--out", "nowhere/plan.npz"), "no such folder"),
        ((*good, "--multiple-of", 5), "expected samples for a multiple of 5 packs"),
        ((*good[:-1], 7, "--oversized", "error"), "samples of 7 tokens at most, got"),
        ((tmp_path / "no.jsonl", *good[1:]), "does not exist"),
    ):
        done = pack(*arguments, folder=tmp_path)
        assert done.returncode == 2, message
        assert message in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("suffix", [".npz", ".arrow"])
def test_plans_come_back_from_files(suffix: str, tmp_path: Path) -> None:
    lengths = np.random.default_rng(1).integers(0, 900, 500)
    plans = [
        tt.plan_packs(lengths, 800),
        tt.plan_packs(lengths, 800, oversized="truncate", seed=2),
        tt.plan_packs(lengths, 800, weights=lengths % 7, weight_capacity=5, oversized="drop"),
        tt.plan_packs([], 800),
    ]
    for plan in plans:
        first, again = tmp_path / f"first{suffix}", tmp_path / f"again{suffix}"
        plan.save(first)
        loaded = tt.PackPlan.load(str(first))
        assert same(loaded, plan)
        assert all(getattr(loaded, name).dtype == np.int64 for name in FIELDS)
        loaded.save(again)
        assert again.read_bytes() == first.read_bytes()


def test_files_that_hold_no_plan_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", x=np.arange(3))
    (tmp_path / "text.npz").write_text("not a plan")
    (tmp_path / "text.arrow").write_text("not a plan")
    for name in ("other.npz", "text.npz", "text.arrow"):
        with pytest.raises(ValueError, match=rf"expected a plan that was saved as {name}"):
            tt.PackPlan.load(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        tt.PackPlan.load(tmp_path / "no.npz")
