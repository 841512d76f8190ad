"""The demo as it runs: format is learned before coordinates, packed documents stay apart, a user's file is served."""

import copy
import json
import subprocess
import sys

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
from PIL import Image
from rich.console import Console

import typetally as tt
from typetally.demo.corpus import Encoder, draw_corpus
from typetally.demo.history import read_log
from typetally.demo.model import build_model, build_processor
from typetally.demo.report import learned
from typetally.demo.run import CURVES, METRICS, PAGE, Settings, run
from typetally.demo.tokenizer import build_tokenizer
from typetally.demo.training import CAPACITY, Collator, build_trainer, pack_samples

TYPES = ("desc", "coord", "format")


def test_format_is_learned_before_coordinates(tmp_path):
    report = run(Settings(None, tmp_path, steps=60, seconds=600, samples=500), Console(quiet=True))
    steps = learned(report.lines)
    assert steps["format"] is not None
    assert steps["coord"] is None or steps["format"] < steps["coord"]

    assert report.coverage["training"].samples == report.coverage["training"].typed > 300
    assert any("documents are isolated" in fact for fact in report.facts)
    logged = read_log(tmp_path / METRICS)
    assert [line["step"] for line in logged if "eval_loss" in line] == list(range(0, 61, 10))
    assert [line["step"] for line in logged if "grad_norm" in line] == list(range(5, 61, 5))
    for line in logged:
        prefix = "eval_" if "eval_loss" in line else "train_" if "train_runtime" in line else ""
        assert line.get(f"{prefix}typed_frac", 1.0) == 1.0
        if prefix != "train_":
            assert {f"{prefix}{name}_{key}" for name in TYPES for key in ("token_acc", "entropy", "loss")} <= set(line)
    page = (tmp_path / PAGE).read_text()
    assert page.count("<figure>") == 6
    assert (tmp_path / CURVES).read_text() in page


@pytest.mark.parametrize("leak", [False, True])
def test_documents_are_isolated_in_the_training_step(tmp_path, leak):
    """Every document's logits inside the trainer's own step on a pack are those of the document alone."""
    processor = build_processor(build_tokenizer(merges=300))
    model = build_model(processor.tokenizer)
    for weights in model.parameters():
        if weights.ndim > 1:
            torch.nn.init.normal_(weights, std=0.15)  # large enough for documents to move each other
    if leak:
        model.config.text_config.use_cache = True
    *_, corpus = draw_corpus(Encoder(processor, model), 20, seed=3)
    packs, _ = pack_samples([example.sample for example in corpus.train], seed=0)
    before = copy.deepcopy(model)
    trainer = build_trainer(model, processor, packs, [corpus.held_out[0].sample], tmp_path, steps=1)
    seen = []

    def keep(module, args, kwargs, outputs):
        if module.training:
            seen.append((kwargs["input_ids"][0], outputs.logits[0].detach()))

    model.register_forward_hook(keep, with_kwargs=True)
    tt.attach(trainer)
    trainer.train()

    ((ids, logits),) = seen
    pack = next(pack for pack in packs if torch.equal(torch.cat([sample["input_ids"] for sample in pack]), ids))
    assert len(pack) > 4
    before.train()
    with torch.no_grad():
        alone = torch.cat(
            [
                before(
                    input_ids=sample["input_ids"][None],
                    position_ids=sample["position_ids"][:, None],
                    pixel_values=sample["pixel_values"],
                    image_grid_thw=sample["image_grid_thw"],
                    use_cache=False,
                ).logits[0]
                for sample in pack
            ]
        )
    difference = (logits - alone).abs().max()
    assert difference > 0.1 if leak else difference < 1e-4


def test_a_long_sample_is_a_pack_of_its_own():
    samples = [{"input_ids": [0] * length} for length in (CAPACITY + 1, 300, 300, 300)]
    packs, plan = pack_samples(samples, seed=0)
    assert plan.oversized == 1
    assert sorted(len(pack) for pack in packs) == [1, 1, 2]
    assert [samples[0]] in list(packs)


def test_packs_are_rows_without_a_mask_and_samples_are_padded():
    samples = [{"input_ids": [5] * length, "labels": [5] * length} for length in (3, 2)]
    collate = Collator(pad_token_id=7)
    packed, padded = collate([samples]), collate(samples)
    assert packed["input_ids"].tolist() == [[5] * 5]
    assert "attention_mask" not in packed
    assert padded["input_ids"].tolist() == [[5, 5, 5], [5, 5, 7]]
    assert padded["attention_mask"].tolist() == [[1, 1, 1], [1, 1, 0]]


def test_time_is_kept_and_the_last_state_evaluated(tmp_path):
    report = run(Settings(None, tmp_path, steps=10_000, seconds=1, samples=20), Console(quiet=True))
    last = max(line["step"] for line in report.lines)
    assert 0 < last < 1000
    assert any(line["step"] == last and "eval_coord_token_acc" in line for line in report.lines)


def write_lines(folder, count):
    Image.new("RGB", (64, 64), (200, 30, 30)).save(folder / "red.png")
    answer = {"objects": [{"desc": "red square", "bbox_2d": [0, 0, 1000, 1000]}]}
    lines = [json.dumps({"image": "red.png", "answer": answer}) for _ in range(count)]
    lines[1] = '{"image": "missing.png", "answer": "x"}'
    lines[3] = "{"
    lines.append(json.dumps({"answer": "word " * 3000}))
    (folder / "my train.jsonl").write_text("\n".join(lines))
    return folder / "my train.jsonl"


def demo(*arguments, folder):
    command = [sys.executable, "-m", "typetally.cli.main", "demo", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, cwd=folder)


def test_a_users_file_is_trained_on_and_its_bad_lines_are_told(tmp_path):
    path = write_lines(tmp_path, 12)
    done = demo("--data", path.name, "--steps", "2", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    for text in ("line 2: no such picture: missing.png", "line 4: not JSON", "line 13: ", "at most 2048 tokens, got "):
        assert text in done.stdout
    assert "3 lines skipped" in done.stdout
    assert "runs/demo/report.html" in done.stdout
    page = (tmp_path / "runs/demo/report.html").read_text()
    assert "samples: 8 to train on, 2 held out" in page
    assert "packs: 1 of at most" in page
    assert "Lines that could not be used: 3" in page
    logged = read_log(tmp_path / "runs/demo/metrics.jsonl")
    assert [line["step"] for line in logged if "eval_coord_token_acc" in line] == [0, 2]
    assert [line["step"] for line in logged if "coord_token_acc" in line] == [2]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, "does not exist"),
        ("", "expected at least 2 usable lines in train.jsonl, got 0"),
        ('{"answer": "x"}\n{', "got 1; line 2: not JSON"),
    ],
)
def test_a_file_that_cannot_serve_exits_with_2(tmp_path, text, expected):
    if text is not None:
        (tmp_path / "train.jsonl").write_text(text)
    done = demo("--data", "train.jsonl", folder=tmp_path)
    assert done.returncode == 2
    assert expected in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
