"""Auditing and packing on Ray: time against rows and workers, beside one process without Ray.

    python bench/ray_bench.py [most rows, default 40000]

Answers are `grammar_examples.jsonl`'s, cut and repeated; tokens are Qwen3's. Both lie in ../shared/data.
"""

import json
import logging
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow
import ray
import ray.data
from pack_plan_bench import CAPACITY, best_seconds, lognormal

import typetally as tt
import typetally.ray
from typetally.audit import Auditor, Options
from typetally.text.data_files import read_samples
from typetally.text.text_encoder import TextEncoder

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
TOKENIZER = DATA / "tokenizers/qwen3"
WORKERS = (1, 2)
CONFIG = tt.TokenTypeMetricsConfig(include=("*",))


def write(path: Path, rows: int) -> None:
    examples = [json.loads(line)["text"] for line in (DATA / "grammar_examples.jsonl").read_text().splitlines()]
    with path.open("w") as out:
        for row in range(rows):
            answer = "\n".join(examples[(row * 7 + k) % len(examples)] for k in range(4))
            turns = [{"role": "user", "content": "Find all."}, {"role": "assistant", "content": answer}]
            out.write(json.dumps({"messages": turns, "dataset": f"set {row % 5}"}) + "\n")


def one_process(path: Path) -> object:
    encoder = TextEncoder(TOKENIZER)
    auditor = Auditor(encoder, tt.TokenTyper(encoder.vocabulary), Options(CONFIG))
    auditor.read(read_samples(path))
    return auditor.report()


def audits(path: Path, rows: int) -> None:
    alone = best_seconds(lambda: one_process(path))
    cells = [f"{alone:8.2f} s"]
    for workers in WORKERS:
        taken = best_seconds(
            lambda workers=workers: typetally.ray.audit(path, TOKENIZER, part_bytes=1 << 20, concurrency=workers)
        )
        cells.append(f"{taken:8.2f} s")
    print(f"{'audit':<10}{rows:>12,}  " + "  ".join(cells), flush=True)


def packs(rows: int) -> None:
    lengths = lognormal(np.random.default_rng(0), rows)
    alone = best_seconds(lambda: tt.plan_packs(lengths, CAPACITY))
    cells = [f"{alone:8.3f} s"]
    for workers in WORKERS:
        blocks = np.array_split(lengths, workers)  # a block is one worker's at a time
        dataset = ray.data.from_arrow([pyarrow.table({"length": block}) for block in blocks])
        taken = best_seconds(lambda dataset=dataset: typetally.ray.pack_rows(dataset, CAPACITY).dataset.materialize())
        cells.append(f"{taken:8.3f} s")
    print(f"{'pack':<10}{rows:>12,}  " + "  ".join(cells), flush=True)


def main() -> None:
    most = int(sys.argv[1]) if len(sys.argv) > 1 else 40_000
    ray.init(num_cpus=max(WORKERS), include_dashboard=False, log_to_driver=False)
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    ray.data.DataContext.get_current().enable_progress_bars = False
    print(f"{'':<10}{'rows':>12}  {'no Ray':>10}  " + "  ".join(f"{f'{w} at a time':>10}" for w in WORKERS))
    with tempfile.TemporaryDirectory() as folder:
        for rows in (most // 16, most // 4, most):
            path = Path(folder) / f"{rows}.jsonl"
            write(path, rows)
            audits(path, rows)
    for rows in (most * 5, most * 25, most * 125):
        packs(rows)
    ray.shutdown()


if __name__ == "__main__":
    main()
