"""The audit of a file of LVIS-like answers: answers a second, and the most memory that it held."""

from __future__ import annotations

import json
import random
import resource
import sys
import tempfile
import time
from pathlib import Path

import typetally as tt
from typetally.audit import Auditor, Options
from typetally.text.data_files import read_samples
from typetally.text.text_encoder import TextEncoder

LVIS = Path(__file__).resolve().parents[2] / "shared/data"
ANSWERS = 100_000


def answers() -> list[list[dict[str, object]]]:
    """The objects of each annotated picture, boxes scaled to 0 to 999."""
    data = json.loads((LVIS / "lvis_val_100.json").read_text())
    names = {category["id"]: category["name"].replace("_", " ") for category in data["categories"]}
    sizes = {image["id"]: (image["width"], image["height"]) for image in data["images"]}
    found: dict[int, list[dict[str, object]]] = {}
    for one in data["annotations"]:
        x, y, width, height = one["bbox"]
        across, down = sizes[one["image_id"]]
        corners = (x / across, y / down, (x + width) / across, (y + height) / down)
        box = [min(999, int(1000 * value)) for value in corners]
        found.setdefault(one["image_id"], []).append({"bbox_2d": box, "desc": names[one["category_id"]]})
    return list(found.values())


def write(path: Path, count: int) -> None:
    """Every answer is another order of some picture's objects."""
    pictures = answers()
    order = random.Random(0)
    with path.open("w") as file:
        for at in range(count):
            objects = list(pictures[at % len(pictures)])
            order.shuffle(objects)
            said = {"role": "assistant", "content": json.dumps(objects)}
            asked = {"role": "user", "content": "<image>Detect every object."}
            file.write(json.dumps({"messages": [asked, said], "dataset": "lvis"}) + "\n")


def main() -> None:
    if not LVIS.is_dir():
        sys.exit("bench: ../shared/data is not there")
    encoder = TextEncoder(LVIS / "tokenizers/qwen3")
    config = tt.TokenTypeMetricsConfig(include=("lvis",))
    print(f"{'answers':>8} {'tokens':>11} {'seconds':>8} {'CPU seconds':>12} {'answers/minute':>15} {'peak MiB':>9}")
    with tempfile.TemporaryDirectory() as folder:
        for count in (ANSWERS // 10, ANSWERS):
            path = Path(folder) / "lvis.jsonl"
            write(path, count)
            auditor = Auditor(encoder, tt.TokenTyper(encoder.vocabulary), Options(config))
            begin, cpu = time.perf_counter(), time.process_time()
            auditor.read(read_samples(path))
            seconds, cpu = time.perf_counter() - begin, time.process_time() - cpu
            tokens = auditor.report().tokens.total
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(f"{count:8,} {tokens:11,} {seconds:8.1f} {cpu:12.1f} {60 * count / seconds:15,.0f} {peak:9.0f}")


if __name__ == "__main__":
    main()
