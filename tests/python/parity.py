"""The product's promise as a table: the same 64 samples give the same metrics, whatever trains on them and however:
1 and 4 micro-batches a step, on 1 and 2 ranks, with frozen weights in float64.

parity.py [--quick] prints it, and fails where a figure differs; README.md has it. `make parity` runs all of it."""

from __future__ import annotations

import functools
import json
import sys
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import product
from pathlib import Path

import tiny_models as tiny
import torch
import trl
import trl_runs
from torch import distributed
from torchrun import end_rank, torchrun
from trainer_oracle import NAMES, Oracle
from transformers import PrinterCallback, Trainer

import typetally as tt

SAMPLES = 64
BATCH = 4  # samples per micro-batch
DOUBLE, SINGLE = 1e-9, 1e-5  # what sums may differ by, relatively: the tolerances
LAYOUTS = ("padded left", "padded right", "packed", "several packs")
HF, TRL = "Hugging Face Trainer", f"TRL {'.'.join(trl.__version__.split('.')[:2])} SFTTrainer"
if find_spec("swift"):  # its environment is for it alone
    sys.path.append(str(Path(__file__).parents[1] / "extra" / "swift"))
    import swift_runs

    TRAINERS = {swift_runs.NAME: ("logits",)}
else:
    READS = ("logits", "hidden states", "per-token results")
    TRAINERS = {HF: READS[: 3 if trl_runs.PER_TOKEN else 2], TRL: trl_runs.READS}


@dataclass(frozen=True)
class Run:
    trainer: str
    reads: str
    layout: str
    accumulation: int
    ranks: int

    @property
    def tolerance(self):
        """TRL's per-token results are float32, whatever the model is."""
        return SINGLE if self.reads == "per-token results" else DOUBLE


def all_runs(ranks):
    kinds = [(trainer, reads) for trainer, several in TRAINERS.items() for reads in several]
    return [Run(*kind, layout, steps, ranks) for kind, layout, steps in product(kinds, LAYOUTS, (1, 4))]


def quick_runs(ranks):
    """Every layout, every way to read, and each trainer on two ranks."""
    chosen = [run for run in all_runs(ranks) if run.accumulation == (1 if run.layout == "packed" else 4)]
    if ranks == 1:
        return [run for run in chosen if run.layout in LAYOUTS[::2] or (run.trainer != TRL and run.reads == "logits")]
    chosen = [run for run in chosen if run.layout == ("packed" if run.trainer == TRL else "several packs")]
    return [run for run in chosen if run.reads != "logits" or len(TRAINERS[run.trainer]) == 1]


@functools.cache
def weights():
    """Right about some tokens and wrong about others; trained in float64, so that they are the same everywhere."""
    model = tiny.vision_model(torch.float64)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, eps=1e-6)
    for step in range(30):
        model(**double(tiny.pack(tiny.vision_samples(8, first=8 * (step % 3))))).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return model.state_dict()


def double(batch):
    return {key: value.double() if value.is_floating_point() else value for key, value in batch.items()}


def frozen_model():
    model = tiny.vision_model(torch.float64)
    model.load_state_dict(weights())
    return model


def hide_logits(model, reads):
    """Has a model that is trained by Hugging Face's Trainer return what `reads` names."""
    if reads == "hidden states":
        return tiny.without_logits(model, lambda loss, *_: (loss,))
    if reads == "per-token results":
        trl_runs.add_fused_lm_head(model, outputs=("log_probs", "entropy", "is_top1"))
        forward = model.forward
        model.forward = lambda **inputs: forward(fused_lm_head="labels" in inputs, **inputs)
    return model


def data(layout):
    """The samples, or packs of two of them, and a collator."""
    samples = tiny.vision_samples(SAMPLES)
    if layout == "several packs":
        packs = [samples[at : at + 2] for at in range(0, SAMPLES, 2)]
        return packs, BATCH // 2, tt.collate_packed
    if layout == "packed":
        return samples, BATCH, tiny.pack
    return samples, BATCH, functools.partial(tiny.pad, side=layout.split()[1])


def make_trainer(run, folder):
    """Goes once through the samples."""
    samples, size, collate = data(run.layout)
    options = {
        "max_steps": SAMPLES // BATCH // run.accumulation // run.ranks,
        "per_device_train_batch_size": size,
        "gradient_accumulation_steps": run.accumulation,
        "learning_rate": 0.0,
        "logging_strategy": "no",
        "ddp_find_unused_parameters": True,
    }
    if run.trainer == HF:
        return Trainer(
            model=hide_logits(frozen_model(), run.reads),
            args=tiny.arguments(folder, **options),
            train_dataset=samples,
            data_collator=collate,
            processing_class=tiny.processor(),
        )
    if run.trainer == TRL:
        return trl_runs.tokenized_trainer(folder, frozen_model(), samples, collate, run.reads, options)
    return swift_runs.vision_trainer(folder, weights(), SAMPLES, run.layout, options)


def train(run, folder):
    """The metrics of the whole run's targets."""
    trainer = make_trainer(run, folder)
    trainer.remove_callback(PrinterCallback)
    tt.attach(trainer, config=tt.TokenTypeMetricsConfig(include=("*",), extended=True))
    trainer.train()
    return {key.removeprefix("train_"): value for key, value in trainer.state.log_history[-1].items()}


def expected():
    """Each sample alone, one target at a time, in float64."""
    oracle, model = Oracle(), frozen_model().eval()
    samples = tiny.vision_samples(SAMPLES)
    for sample, types in zip(samples, tiny.sample_types(samples), strict=True):
        with torch.no_grad():
            logits = model(**double(tiny.pack([sample]))).logits[0]
        oracle.add([(logits, sample["labels"], types)])
    return oracle


def counts_and_sums(metrics):
    """By type: targets and correct ones, and the sums of nll and entropy."""
    counts, sums, total = {}, {}, metrics["tokens_total"]
    for name in NAMES.values():
        count = round(metrics[f"{name}_token_frac"] * total)
        counts[name] = (count, round(metrics[f"{name}_token_acc"] * count))
        sums[name] = (metrics[f"{name}_loss"] * count, metrics[f"{name}_entropy"] * count)
    return counts, sums


def check(run, metrics, oracle):
    """Raises AssertionError where a run's figures are not the oracle's."""
    counts, sums = counts_and_sums(metrics)
    assert metrics["tokens_total"] == oracle.total("count"), (run, metrics)
    token_loss = metrics["token_loss"] if "token_loss" in metrics else metrics["loss"]
    assert abs(token_loss / (oracle.total("nll") / oracle.total("count")) - 1) <= run.tolerance, run
    for kind, name in NAMES.items():
        of = oracle.by_type[kind]
        assert counts[name] == (of.count, of.correct), (run, name, counts[name], of)
        for got, wanted in zip(sums[name], (of.nll, of.entropy), strict=True):
            assert abs(got / wanted - 1) <= run.tolerance, (run, name, got, wanted)
        assert 0 < of.correct < of.count


def header(oracle):
    kinds = ", ".join(f"{oracle.by_type[k].count:,} {name}" for k, name in NAMES.items())
    right = ", ".join(f"{oracle.by_type[k].correct:,}" for k in NAMES)
    pictures = sum("pixel_values" in sample for sample in tiny.vision_samples(SAMPLES))
    return f"{SAMPLES} samples, {pictures} with pictures: {kinds} targets, of which {right} are predicted correctly."


def table(runs):
    """Markdown: what the checked runs agree to, by trainer, what is read of its model, and layout."""
    lines = [f"| trainer | reads | {' | '.join(LAYOUTS)} |", f"|---|---|{'---|' * len(LAYOUTS)}"]
    rows = {}
    for run in runs:
        tolerance = f"{run.tolerance:.0e}".replace("e-0", "e-")
        rows.setdefault((run.trainer, run.reads), {})[run.layout] = f"counts equal, sums to {tolerance}"
    for (trainer, reads), cells in rows.items():
        lines.append(f"| {trainer} | {reads} | {' | '.join(cells.get(layout, '') for layout in LAYOUTS)} |")
    return lines


def worker(path, chosen):
    distributed.init_process_group("gloo")
    results = [train(run, Path(path).parent) for run in chosen(2)]
    if distributed.get_rank() == 0:
        Path(path).write_text(json.dumps(results))
    end_rank()


def measure(quick):
    """Runs and checks; returns the oracle and the runs."""
    chosen, oracle = quick_runs if quick else all_runs, expected()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        path = folder / "two.json"
        torchrun(2, "parity.py", "--worker", path, *(["--quick"] if quick else []), timeout=3000)
        results = dict(zip(chosen(2), json.loads(path.read_text()), strict=True))
        for run in chosen(1):
            results[run] = train(run, folder)
    for run, metrics in results.items():
        check(run, metrics, oracle)
    return oracle, [run for run in (*all_runs(1), *all_runs(2)) if run in results]


if __name__ == "__main__":
    if "--worker" in sys.argv:
        worker(sys.argv[sys.argv.index("--worker") + 1], quick_runs if "--quick" in sys.argv else all_runs)
    else:
        found, checked = measure("--quick" in sys.argv)
        print("\n".join([header(found), "", *table(checked), "", f"{len(checked)} runs"]))
