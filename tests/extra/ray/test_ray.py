"""typetally.ray on a local cluster: what it reports, types and plans is what one machine does over all of the data."""

import json

import documents
import numpy as np
import pytest
import ray.data
from conftest import ROOT

import typetally as tt
import typetally.ray
from typetally.audit import Auditor, Options
from typetally.text.data_files import read_samples
from typetally.text.text_encoder import TextEncoder

CONFIG = tt.TokenTypeMetricsConfig(include=("lvis", "refcoco"))


@pytest.fixture(scope="module")
def tokenizer(shared_data):
    return shared_data / "tokenizers/qwen3"


@pytest.fixture(scope="module")
def encoder(tokenizer):
    return TextEncoder(tokenizer)


@pytest.fixture(scope="module")
def records(shared_data):
    """Real answers, of labels that count and that do not; some with what cannot be."""
    text = (shared_data / "grammar_examples.jsonl").read_text(encoding="utf-8")
    answers = [json.loads(line)["text"] for line in text.splitlines()]
    answers.append('{"objects": [{"desc": "reversed", "bbox_2d": [300, 2, 1, 400]}]}')
    return [
        {
            "messages": [
                {"role": "user", "content": f"Find {at % 7}"},
                {"role": "assistant", "content": answers[at % len(answers)]},
            ],
            "dataset": ("lvis", "RefCOCO ", "other")[at % 3],
        }
        for at in range(1000)
    ]


@pytest.fixture(scope="module")
def file(records, tmp_path_factory):
    """With blank lines, which numbers count, and lines that are none."""
    path = tmp_path_factory.mktemp("data") / "train.jsonl"
    lines = [json.dumps(record, ensure_ascii=False) for record in records]
    lines[10:10] = ["", "{", "[1]", '{"unknown": 1}']
    lines.insert(700, '{"messages": [{"role": "user", "content": "no answer"}]}')
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def on_one_machine(encoder, path, **options):
    auditor = Auditor(encoder, tt.TokenTyper(encoder.vocabulary), Options(CONFIG, **options))
    auditor.read(read_samples(path))
    return auditor.report()


@pytest.mark.parametrize("part_bytes", [1, 3000, 1 << 30])
def test_the_audit_of_a_file_is_that_of_one_machine_however_it_is_cut(encoder, tokenizer, file, part_bytes):
    path = file
    if part_bytes == 1:  # a part for each line
        path = file.with_name("short.jsonl")
        path.write_text("\n".join(file.read_text(encoding="utf-8").splitlines()[:40]), encoding="utf-8")
    expected = on_one_machine(encoder, path, max_length=60)
    report = typetally.ray.audit(path, tokenizer, config=CONFIG, max_length=60, part_bytes=part_bytes)
    assert report == expected
    assert len(report.bad_lines) == 3 + (part_bytes != 1)
    assert report.cut
    assert report.not_parsed
    if part_bytes != 1:
        assert {kind.kind for kind in report.coordinates} >= {"reversed: x2 < x1"}


def test_the_audit_of_a_data_set_numbers_its_rows(encoder, tokenizer, records, tmp_path):
    """Arrow gives records each other's fields as nulls: both kinds of objects and a record of another format."""
    mixed = [
        *records[:50],
        {
            "objects": [{"desc": "a", "bbox_2d": [1, 2, 3, 4]}, {"desc": "b", "poly": [1, 2, 3, 4, 5, 6]}],
            "dataset": "lvis",
        },
        {"prompt": "Find", "completion": "a red one", "dataset": "lvis"},
    ]
    path = tmp_path / "train.jsonl"
    path.write_text("\n".join(map(json.dumps, mixed)), encoding="utf-8")
    expected = on_one_machine(encoder, path)
    rows = ray.data.from_items(mixed, override_num_blocks=7)
    assert typetally.ray.audit(rows, tokenizer, config=CONFIG) == expected
    numbered = ray.data.from_items([{**one, "line": at} for at, one in enumerate(mixed, 1)], override_num_blocks=3)
    assert typetally.ray.audit(numbered.random_shuffle(seed=0), tokenizer, config=CONFIG, number="line") == expected
    assert expected.formats == {"messages": 50, "objects": 1, "completion": 1}


def test_rows_are_typed_as_samples_are(encoder, tokenizer, records):
    typer = tt.TokenTyper(encoder.vocabulary)
    rows = []
    for at, record in enumerate(records[:60]):
        prompt, answer = encoder.encode([turn["content"] for turn in record["messages"]])
        rows.append({"at": at, "labels": [-100] * len(prompt) + answer, "dataset": record["dataset"]})
    rows.append({"at": 60, "labels": [-100, 10**9], "dataset": "lvis"})  # an id that no token has
    typed = typetally.ray.type_rows(ray.data.from_items(rows, override_num_blocks=4), tokenizer, config=CONFIG)
    got = {row["at"]: row["token_types"] for row in typed.iter_rows()}
    assert len(got) == 61
    for row in rows[:-1]:
        expected = np.asarray(typer.type_labels(np.array(row["labels"])))
        if row["dataset"] == "other":
            expected[:] = -1
        assert list(got[row["at"]]) == expected.tolist()
    assert list(got[60]) == [-1, -1]
    assert {kind for types in got.values() for kind in types} == {-1, 1, 2, 3}


def lengths_like_chat(count, seed=0):
    return np.random.default_rng(seed).lognormal(np.log(300), 1.0, count).clip(1, 9000).astype(np.int64)


def test_merged_length_counts_are_those_of_all_rows():
    lengths = lengths_like_chat(5000)
    items = [{"length": n, "input_ids": [0] * (n % 50)} for n in lengths.tolist()]
    rows = ray.data.from_items(items, override_num_blocks=9)
    counts = typetally.ray.length_counts(rows).counts
    assert counts == dict(zip(*map(np.ndarray.tolist, np.unique(lengths, return_counts=True)), strict=True))
    of_lists = typetally.ray.length_counts(rows, "input_ids")
    assert of_lists.report().total == int((lengths % 50).sum())


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"seed": 7},
        {"oversized": "drop", "multiple_of": 8},
        {"oversized": "truncate", "seed": 1, "max_samples": 5},
        {"multiple_of": 16, "drop_last": True, "seed": 3},
    ],
    ids=str,
)
def test_the_plan_from_merged_length_counts_is_that_of_one_machine(options):
    """Every row is where tt.plan_packs over all lengths puts it, and all figures are its figures."""
    lengths = lengths_like_chat(4000)
    plan = tt.plan_packs(lengths, 2048, **options)
    assert plan.oversized > 10
    rows = ray.data.from_items([{"at": at, "length": int(n)} for at, n in enumerate(lengths)], override_num_blocks=11)
    packing = typetally.ray.pack_rows(rows, 2048, **options)
    placed = packing.dataset.to_pandas().set_index("at")
    assert len(placed) == len(lengths)
    packed = placed[placed["pack"] >= 0].sort_values(["pack", "place"])
    assert packed.index.tolist() == plan.indices.tolist()
    assert packed["pack"].tolist() == np.repeat(np.arange(len(plan)), np.diff(plan.offsets)).tolist()
    assert sorted(placed.index[placed["pack"] < 0]) == plan.dropped_indices.tolist()
    assert packing.packs == len(plan)
    for name in ("lower_bound", "efficiency", "gap", "oversized", "dropped"):
        assert getattr(packing, name) == getattr(plan, name), name
    assert packing.lengths.counts.total() == len(lengths)


def test_packs_are_collated_on_the_cluster():
    samples = [{"input_ids": list(range(n))} for n in lengths_like_chat(60).clip(1, 200).tolist()]
    packing = typetally.ray.pack_rows(ray.data.from_items(samples, override_num_blocks=3), 256, length="input_ids")

    def collate(rows):
        ordered = rows.sort_values("place")
        batch = tt.collate_packed([{"input_ids": ids, "labels": ids} for ids in ordered["input_ids"]])
        return {"pack": rows["pack"][:1].to_numpy(), "tokens": np.array([np.asarray(batch["input_ids"]).size])}

    packs = packing.dataset.groupby("pack").map_groups(collate, batch_format="pandas").to_pandas()
    assert len(packs) == packing.packs == packs["pack"].nunique()
    assert packs["tokens"].max() <= 256
    assert packs["tokens"].sum() == sum(len(sample["input_ids"]) for sample in samples)


def test_bad_calls_say_what_they_need(tokenizer, tmp_path):
    rows = ray.data.from_items([{"length": 5, "name": "a"}, {"length": 9, "name": "b"}])
    with pytest.raises(ValueError, match=r"\[pack_rows\] expected lengths up to the capacity of 8, got 1 beyond"):
        typetally.ray.pack_rows(rows, 8, oversized="error")
    with pytest.raises(ValueError, match=r"\[plan_packs\] expected oversized as one of"):
        typetally.ray.pack_rows(rows, 8, oversized="wrong")
    with pytest.raises(TypeError, match=r"\[pack_rows\] expected limits out of .*got \['groups'\]"):
        typetally.ray.pack_rows(rows, 8, groups=[0, 1])
    with pytest.raises(Exception, match=r"expected 'name' as integers or lists"):
        typetally.ray.length_counts(rows, "name")
    with pytest.raises(ValueError, match="tokenizer"):
        typetally.ray.audit(rows, tmp_path)
    with pytest.raises(FileNotFoundError):
        typetally.ray.audit(tmp_path / "missing.jsonl", tokenizer)
    (tmp_path / "array.json").write_text('[\n{"answer": "x"}\n]')
    with pytest.raises(ValueError, match=r"array.json as JSON Lines, .* got a JSON array"):
        typetally.ray.audit(tmp_path / "array.json", tokenizer)


def test_the_page_about_clusters_runs(tmp_path):
    page = ROOT / "docs/cluster.md"
    documents.run_python(documents.blocks(page), tmp_path)
