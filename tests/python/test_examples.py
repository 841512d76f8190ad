"""Each example is run as its first lines say; loops of one's own log the same figures, whoever drives them."""

import csv
import json
import os
import subprocess
import sys

import pytest
from conftest import ROOT
from torchrun import launcher


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("examples")


def run(folder, name, command=(sys.executable,)):
    """What an example prints."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "ACCELERATE_USE_CPU": "true"}
    done = subprocess.run(
        [*command, str(ROOT / "examples" / f"{name}.py")],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


def logged(printed):
    return [json.loads(line) for line in printed.splitlines()]


@pytest.fixture(scope="module")
def plain(folder):
    return logged(run(folder, "pytorch_loop"))


def test_a_plain_loop_learns_the_syntax_first(plain):
    assert [line["step"] for line in plain] == [4, 8, 12]
    assert plain[-1]["loss"] < plain[0]["loss"]
    assert plain[-1]["format_token_acc"] > max(plain[-1]["coord_token_acc"], plain[-1]["desc_token_acc"])


def test_accelerate_on_one_rank(folder, plain):
    lines = logged(run(folder, "accelerate_loop"))
    assert [line.keys() for line in lines] == [line.keys() for line in plain]
    for got, expected in zip(lines, plain, strict=True):
        assert got == pytest.approx(expected, rel=1e-6)


def test_accelerate_on_two_ranks_counts_every_token_once(folder, plain):
    """Ranks average their gradients whatever their tokens, so only counts are those of one rank's training."""
    lines = logged(run(folder, "accelerate_loop", launcher(2)))
    assert [line["step"] for line in lines] == [line["step"] for line in plain]
    for got, expected in zip(lines, plain, strict=True):
        for key in (key for key in expected if key.endswith("token_count")):
            assert got[key] * 2 == expected[key]  # per micro-batch: twice as many
        assert got["loss"] == pytest.approx(expected["loss"], rel=0.05)


def test_lightning(folder, plain):
    run(folder, "lightning_callback")
    (path,) = (folder / "runs" / "lightning").rglob("metrics.csv")
    rows = list(csv.DictReader(path.open()))
    trained = [row for row in rows if row["loss"]]
    for got, expected in zip(trained, plain, strict=True):
        figures = {key: float(got[key]) for key in expected if key != "step"} | {"step": int(got["step"]) + 1}
        assert figures == pytest.approx(expected, rel=1e-6)
    validated = [float(row["val_coord_entropy"]) for row in rows if row["val_coord_entropy"]]
    (checkpoint,) = (folder / "runs" / "lightning").glob("*.ckpt")
    best = 4 * (1 + validated.index(min(validated)))
    assert checkpoint.stem.endswith(f"step={best}")


def test_hugging_face(folder):
    printed = run(folder, "hf_trainer")
    assert printed.count("'coord_token_acc'") == printed.count("'eval_coord_token_acc'") == 3
