"""type_labels on packs of LVIS answers (Qwen3 ids, int64, one thread), and what else could be done with those labels.

Prints tokens per second of CPU time and how many times slower than type_labels each peer is, all measured in turn in
this run: a loop that only reads the labels and writes a byte each (NumPy, vectorised), the tokenizer's decode of the
same labels, its encode of the same answers, and the reference's method in plain Python: write the answer with the type
of each character, encode it with offsets, compare the ids, let each token's characters vote. Then the grammars that are
not JSON, whose answers are decoded and marked: packs of each one's own example. Also the time that
Vocabulary.from_file takes for the tokenizer.json. Needs ../shared/data.
"""

from __future__ import annotations

import json
import random
import time
import timeit
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

import typetally as tt
from typetally.text.grammar import describe_grammars

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
TOKENIZER = DATA / "tokenizers" / "qwen3" / "tokenizer.json"
SUFFIX = "<|im_end|>\n"
PACK, PACKS, PROMPT = 8192, 512, 1200
DESC, COORD, FORMAT = 1, 2, 3


def lvis_answers() -> list[dict[str, Any]]:
    """One answer per annotated image: names, and boxes in thousandths."""
    data = json.loads((DATA / "lvis_val_100.json").read_text(encoding="utf-8"))
    names = {category["id"]: category["name"] for category in data["categories"]}
    objects: dict[int, list[dict[str, Any]]] = {}
    for image in data["images"]:
        width, height = image["width"], image["height"]
        for found in data["annotations"]:
            if found["image_id"] == image["id"]:
                x, y, w, h = found["bbox"]
                box = [round(1000 * v) for v in (x / width, y / height, (x + w) / width, (y + h) / height)]
                desc = names[found["category_id"]].replace("_", " ")
                objects.setdefault(image["id"], []).append({"desc": desc, "bbox_2d": box})
    return [{"objects": found} for found in objects.values()]


def text_of(answer: Any) -> str:
    return json.dumps(answer, ensure_ascii=False) + SUFFIX


def write(value: Any, context: int, out: list[tuple[str, int]]) -> None:
    """The reference's serialiser: pieces of JSON text and their types."""
    if isinstance(value, dict):
        for i, (key, item) in enumerate(value.items()):
            out.append((f"{'{' if i == 0 else ', '}{json.dumps(key)}: ", FORMAT))
            write(item, DESC if key == "desc" else COORD if key in ("bbox_2d", "poly") else FORMAT, out)
        out.append(("}" if value else "{}", FORMAT))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            out.append(("[" if i == 0 else ", ", FORMAT))
            write(item, context, out)
        out.append(("]" if value else "[]", FORMAT))
    else:
        fits = isinstance(value, str) if context == DESC else isinstance(value, int | float)
        out.append((json.dumps(value, ensure_ascii=False), context if fits and context != FORMAT else FORMAT))


def reference_types(tokenizer: Tokenizer, answer: Any, labels: list[int]) -> list[int] | None:
    """The reference's method; None where the ids are others."""
    pieces: list[tuple[str, int]] = []
    write(answer, FORMAT, pieces)
    pieces.append((SUFFIX, FORMAT))
    kinds = [kind for text, kind in pieces for _ in text]
    encoding = tokenizer.encode("".join(text for text, _ in pieces), add_special_tokens=False)
    if encoding.ids != labels:
        return None
    types = []
    for begin, end in encoding.offsets:
        votes = Counter(kinds[begin:end])
        types.append(min(votes, key=lambda kind: (-votes[kind], kind)) if votes else FORMAT)
    return types


def make_packs(
    documents: list[list[int]], prompt: int, packs: int = PACKS
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Labels [packs * PACK] and the documents' boundaries; a document is cut where its pack ends."""
    shuffled = random.Random(7)
    labels: list[int] = []
    bounds = [0]
    while len(labels) < packs * PACK:
        for document in shuffled.sample(documents, len(documents)):
            room = PACK - len(labels) % PACK
            labels += ([-100] * prompt + document)[:room]
            bounds.append(len(labels))
    bounds = [bound for bound in bounds if bound < packs * PACK]
    return np.array(labels[: packs * PACK], np.int64), np.array([*bounds, packs * PACK], np.int32)


def split(labels: NDArray[np.int64], bounds: NDArray[np.int32], size: int) -> list[tuple[Any, Any]]:
    """The labels in calls of `size` tokens, each with its own boundaries."""
    calls = []
    for begin in range(0, len(labels), size):
        first, last = np.searchsorted(bounds, [begin, begin + size])
        calls.append((labels[begin : begin + size], bounds[first : last + 1] - begin))
    return calls


def best_seconds(run: Callable[[], object], repeats: int) -> float:
    return min(timeit.repeat(run, number=1, repeat=repeats, timer=time.process_time))


def example_speeds(tokenizer: Tokenizer) -> dict[str, float]:
    """Million tokens per second of each grammar that reads no JSON, on packs of its example."""
    speeds = {}
    for grammar in describe_grammars():
        if grammar.name in ("json", "coordjson"):
            continue
        ids = tokenizer.encode(grammar.example + SUFFIX, add_special_tokens=False).ids
        labels, bounds = make_packs([ids], 0, packs=64)
        typer = tt.TokenTyper(tokenizer, grammar=grammar.name)
        assert COORD in typer.type_labels(ids)
        speeds[grammar.name] = len(labels) / best_seconds(partial(typer.type_labels, labels, bounds), 5) / 1e6
    return speeds


def main() -> None:
    if not DATA.is_dir():
        return print(f"needs {DATA}")
    tt.set_num_threads(1)
    tokenizer = Tokenizer.from_file(str(TOKENIZER))
    answers = lvis_answers()
    documents = [tokenizer.encode(text_of(answer), add_special_tokens=False).ids for answer in answers]
    typer = tt.TokenTyper(tokenizer, desc_keys=["desc"], coord_keys=["bbox_2d", "poly"])
    for answer, ids in zip(answers, documents, strict=True):
        assert typer.type_labels(ids).tolist() == reference_types(tokenizer, answer, ids)

    labels, bounds = make_packs(documents, 0)
    out = np.empty(len(labels), np.bool_)
    tokens = sum(map(len, documents))
    rows: list[tuple[str, int, Callable[[], object], int]] = []

    def add_calls(name: str, calls: list[tuple[Any, Any]]) -> None:
        rows.append((name, len(labels), lambda: [typer.type_labels(part, bound) for part, bound in calls], 15))

    add_calls("type_labels, 16 packs a call", split(labels, bounds, 16 * PACK))
    add_calls("type_labels, 1 pack a call", split(labels, bounds, PACK))
    add_calls(f"type_labels, {PROMPT} ignored before each answer", split(*make_packs(documents, PROMPT), 16 * PACK))
    rows += [
        ("read labels, write a byte each", len(labels), lambda: np.less(labels, 0, out=out), 15),
        (
            "tokenizer's decode",
            tokens,
            lambda: [tokenizer.decode(ids, skip_special_tokens=False) for ids in documents],
            5,
        ),
        ("tokenizer's encode", tokens, lambda: [tokenizer.encode(text_of(answer)) for answer in answers], 5),
        (
            "the reference's method in Python",
            tokens,
            lambda: [reference_types(tokenizer, *pair) for pair in zip(answers, documents, strict=True)],
            5,
        ),
    ]
    print(
        f"{len(documents)} answers of {tokens / len(documents):.0f} tokens in {PACKS} packs of {PACK}; CPU time, best"
    )
    speeds = [count / best_seconds(run, repeats) / 1e6 for _, count, run, repeats in rows]
    for (name, *_), speed in zip(rows, speeds, strict=True):
        print(f"{name:48} {speed:9.2f} M tokens/s   {speeds[0] / speed:9.2f} x the time of type_labels")
    for name, speed in example_speeds(tokenizer).items():
        print(
            f"{f'type_labels, grammar {name}':48} {speed:9.2f} M tokens/s   {speeds[0] / speed:9.2f} x the time of JSON"
        )
    megabytes = TOKENIZER.stat().st_size / 1e6
    seconds = best_seconds(lambda: tt.Vocabulary.from_file(TOKENIZER), 9)
    print(f"Vocabulary.from_file, {megabytes:.1f} MB: {seconds * 1e3:.1f} ms")


if __name__ == "__main__":
    main()
