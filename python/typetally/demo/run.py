"""One run of the demo, from samples to files."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console
from transformers import Qwen3VLForConditionalGeneration
from transformers.utils import logging as transformers_logging

from typetally.base.config import TokenTypeMetricsConfig
from typetally.batch.collate import collate_packed, collate_padded
from typetally.batch.pack_plan import PackPlan
from typetally.demo.corpus import Corpus, Encoder, Example, draw_corpus, read_corpus
from typetally.demo.curves import charts
from typetally.demo.encode import images_of
from typetally.demo.model import build_model, build_processor
from typetally.demo.progress import RunLog, progress_bar
from typetally.demo.report import Report, TypedAnswer, write_page
from typetally.demo.tokenizer import build_tokenizer
from typetally.demo.training import build_trainer, pack_samples
from typetally.isolation import check_isolation
from typetally.report.render import render
from typetally.tally.row_stats import row_stats
from typetally.text.vocabulary import Vocabulary
from typetally.trainer.attach import attach
from typetally.typing.typer import TokenTyper

METRICS, PAGE, CURVES = "metrics.jsonl", "report.html", "curves.svg"
_SHOWN_ANSWERS = 6


@dataclass(frozen=True)
class Settings:
    """data: a user's file, or None for drawn scenes. folder: where files go. samples: how many are used at most.
    seconds: training stops after this many, wherever it is then."""

    data: Path | None
    folder: Path
    steps: int = 200
    seconds: float = 120.0
    samples: int = 1200
    seed: int = 0


def run(settings: Settings, console: Console) -> Report:
    """Trains a tiny Qwen3-VL and writes `metrics.jsonl`, `report.html` and `curves.svg`."""
    transformers_logging.set_verbosity_error()
    torch.set_num_threads(1)  # a model of this size trains no faster with more, and far slower where cores are busy
    settings.folder.mkdir(parents=True, exist_ok=True)
    processor = build_processor(build_tokenizer())
    model = build_model(processor.tokenizer, seed=settings.seed)
    corpus = _corpus(settings, Encoder(processor, model), console)
    packs, plan = pack_samples([example.sample for example in corpus.train], settings.seed)
    held_out = [example.sample for example in corpus.held_out]
    trainer = build_trainer(
        model, processor, packs, held_out, settings.folder, steps=settings.steps, seed=settings.seed
    )
    handle = attach(trainer, config=TokenTypeMetricsConfig(include=("*",), extended=True))
    begin = time.monotonic()
    with RunLog(settings.folder / METRICS, console, settings.seconds) as log:
        trainer.add_callback(log)
        trainer.train()
    facts = [
        *_facts(corpus, plan, model),
        f"{trainer.state.global_step} steps and their evaluations in {time.monotonic() - begin:.0f} s",
        f"in a pack {check_isolation(model, collate_packed(packs[0]))}",
    ]
    answers = _typed_answers(model, TokenTyper(Vocabulary.from_tokenizer(processor)), corpus)
    coverage = {"training": handle.coverage("train"), "evaluation": handle.coverage("eval")}
    report = Report(corpus.title, facts, log.lines, coverage, corpus.bad_lines, answers)
    write_page(report, settings.folder / PAGE)
    (settings.folder / CURVES).write_text(charts(log.lines), encoding="utf-8")
    return report


def _corpus(settings: Settings, encoder: Encoder, console: Console) -> Corpus:
    corpora = (
        draw_corpus(encoder, settings.samples, settings.seed)
        if settings.data is None
        else read_corpus(encoder, settings.samples, settings.data)
    )
    with progress_bar(console) as bar:
        task = bar.add_task("drawing" if settings.data is None else "reading", total=settings.samples, note="")
        for corpus in corpora:
            done = len(corpus.train) + len(corpus.held_out)
            bad = len(corpus.bad_lines)
            bar.update(task, completed=done, note=f"{bad} lines skipped" if bad else "")
        bar.update(task, total=done)
    return corpus


def _facts(corpus: Corpus, plan: PackPlan, model: Qwen3VLForConditionalGeneration) -> list[str]:
    parameters = sum(weights.numel() for weights in model.parameters())
    alone = f", {plan.oversized} longer samples alone" if plan.oversized else ""
    return [
        f"Qwen3-VL with {parameters / 1e6:.1f} M random weights",
        f"samples: {len(corpus.train):,} to train on, {len(corpus.held_out)} held out",
        f"packs: {len(plan):,} of at most {plan.capacity} tokens, {plan.efficiency:.0%} full{alone}",
    ]


def _typed_answers(model: Qwen3VLForConditionalGeneration, typer: TokenTyper, corpus: Corpus) -> list[TypedAnswer]:
    model.eval()
    return [_typed_answer(model, typer, example) for example in corpus.held_out[:_SHOWN_ANSWERS]]


def _typed_answer(model: Qwen3VLForConditionalGeneration, typer: TokenTyper, example: Example) -> TypedAnswer:
    labels = example.sample["labels"]
    with torch.no_grad():
        logits = model(**collate_padded([example.sample])).logits[0]
    targets = torch.nonzero(labels[1:] >= 0)[:, 0]
    stats = row_stats(logits[targets], labels[1:][targets])
    types = typer.type_labels(labels)
    return TypedAnswer(images_of(example.messages), render(labels, types, typer.vocabulary, stats))
