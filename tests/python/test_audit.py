"""The audit of training data: its counts against a plain loop, each problem found on its line, parts that merge."""

import gc
import json
import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from line_files import write_lines

import typetally as tt
from typetally.audit import Auditor, Options
from typetally.audit.coordinates import groups
from typetally.audit.diagnosis import diagnose, diagnose_types
from typetally.text.data_files import BadLine, read_samples
from typetally.text.grammar import grammar_of, make_marker
from typetally.text.text_encoder import TextEncoder

GOOD = '{"objects": [{"desc": "red", "bbox_2d": [1, 2, 300, 400]}]}'
EVERY_LABEL = tt.TokenTypeMetricsConfig(include=("*",))


@pytest.fixture(scope="module")
def encoder(shared_data):
    return TextEncoder(shared_data / "tokenizers/qwen3")


@pytest.fixture(scope="module")
def examples(shared_data):
    lines = (shared_data / "grammar_examples.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def line(answer, **fields):
    return {"messages": [{"role": "user", "content": "Find"}, {"role": "assistant", "content": answer}], **fields}


def audit(encoder, tmp_path, *records, config=EVERY_LABEL, **options):
    auditor = Auditor(encoder, tt.TokenTyper(encoder.vocabulary), Options(config, **options))
    auditor.read(read_samples(write_lines(tmp_path, *records)))
    return auditor.report()


def found(kinds):
    return {kind.kind: kind.lines for kind in kinds}


def test_counts_are_those_of_a_plain_loop(encoder, examples, tmp_path):
    typer = tt.TokenTyper(encoder.vocabulary)
    expected = {"a": np.zeros(4, int), "b": np.zeros(4, int)}
    lengths, grammars = [], {}
    for at, example in enumerate(examples):
        (ids,) = encoder.encode([example["text"]])
        expected["ab"[at % 2]] += np.bincount(np.asarray(typer.type_labels(ids)), minlength=4)
        lengths.append(len(ids))
        grammar = typer.detect(example["text"])
        grammars[grammar] = grammars.get(grammar, 0) + 1
    config = tt.TokenTypeMetricsConfig(include=["b", "c"])
    records = [line(example["text"], dataset="ab"[at % 2]) for at, example in enumerate(examples)]
    report = audit(encoder, tmp_path, *records, config=config)
    assert {one.label: one.tokens.values[:3] for one in report.labels} == {
        name: tuple(counts[1:]) for name, counts in expected.items()
    }
    assert report.grammars == grammars
    assert report.typed_share == expected["b"].sum() / sum(lengths)
    assert (report.unmatched, report.has_findings) == (["c"], True)
    measured = report.answer_lengths
    assert (measured.min, measured.max, measured.total) == (min(lengths), max(lengths), sum(lengths))
    assert measured.p90 == np.quantile(lengths, 0.9, method="inverted_cdf")
    assert sum(one.count for one in measured.histogram) == len(lengths)
    assert report.sample_lengths.total == sum(lengths) + len(lengths) * len(encoder.encode(["Find"])[0])


def test_malformed_answers_are_found_and_others_are_not(examples):
    marker = make_marker()
    # A tag that may be left out and a colon of another alphabet are no errors; counts of numbers are reported apart.
    accepted = {"deepseek_det_without_ref", "ui_full_width_colon", "paligemma_three_locs_only"}
    accepted.add("florence2_proposals_odd_count")
    for example in examples:
        text = example["text"].encode()
        problem = diagnose(text, marker.detect(text), marker.spans(text), marker.unparsed(text))
        assert (problem is not None) == (example["malformed"] and example["name"] not in accepted), example["name"]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ('{"desc": "a", "bbox_2d": [1, 2, 3, 4', "JSON ends before its brackets are closed"),
        ('```json\n[{"label": "a"}, {"label": "b\n```', "JSON with a line break or control character in a string"),
        ("Here: [{'label': 'a'}]", "JSON with single quotes, as Python prints it"),
        ('[{"label": "a",}]', "JSON with a comma before a closing bracket"),
        ('[{"label": "a", "seen": True}]', "JSON with True, False or None, as Python prints it"),
        ('{"bbox_2d": [<|coord_1|>, <|coord_2|>, <|coord_3|, 4]}', "a broken coordinate token in JSON"),
        ("<ref>cat<box>(1,2),(3,4)</box>", "<ref> without </ref>"),
        ("cat</ref><box>(1,2),(3,4)</box>", "</ref> without <ref>"),
        ("<ref>cat</ref><box>(1,2),(3,x4)</box>", "a broken coordinate token, or a word where a number belongs"),
        ("<loc104> cat", "a broken coordinate token, or a word where a number belongs"),
        ("<loc0104><loc200><loc0300><loc0400> cat", "a broken coordinate token, or a word where a number belongs"),
        ('<points x1="9.1" y1="4', "ends inside a tag"),
        ("It is at [0.1, 0.2, 0.3", "ends before a bracket is closed"),
        ("<ref-object><bbox>", "a placeholder, <ref-object> or <bbox>, that ms-swift fills by its template"),
        ("click(box='<bbox>1 2 3 4</bbox>')", None),
        ("I see [sic] nothing (1 of 2).", None),
        ('Two: [{"label": "a"}] and [{"label": "b"}].', None),
    ],
)
def test_a_reason_in_words(answer, kind):
    text, marker = answer.encode(), make_marker()
    assert diagnose(text, marker.detect(text), marker.spans(text), marker.unparsed(text)) == kind


def untyped(answer):
    text, marker = answer.encode(), make_marker()
    return diagnose_types(text, marker.detect(text), marker.spans(text))


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ('{"boxes": [[1,2,3,4]], "text":"cat"}', "none of these keys counts: boxes, text"),
        (
            '```json\n[{"a": -1.5e3, "b": 1, "c": 2}, {"d": 4, "e": 5}]\n```',
            "none of these keys counts: a, b, c, d, ...",
        ),
        ("[12]", "numbers that json does not place"),
        ("[]", None),
        ('{"bbox_2d": [], "2d": {}, "v2": null}', None),
        ('{"boxes": [], "text": "cat"}', None),
        ('{"boxes": [[1,2,3,4]], "label": "cat"}', None),
        ('{"bbox": [1,2,3,4], "text": "cat"}', None),
        ("There are 2 cats.", None),
        ("", None),
    ],
)
def test_numbers_that_are_no_coordinates(answer, kind):
    assert untyped(answer) == kind


def test_known_answers_are_not_said_to_hold_unknown_numbers(examples, shared_data):
    found = {example["name"] for example in examples if untyped(example["text"])}
    assert found == {"json_list_without_key"}  # [1, 2, 3]
    boxes = [one["bbox"] for one in json.loads((shared_data / "lvis_val_100.json").read_text())["annotations"]]
    assert boxes
    assert not [box for box in boxes if untyped(json.dumps([{"bbox_2d": box}]))]
    assert all(untyped(json.dumps([{"boxes": box}])) for box in boxes)


def test_data_whose_keys_do_not_count_is_a_finding_until_a_table_says_them(encoder, tmp_path):
    records = [line("[]"), line('{"boxes": [[1,2,3,4]], "text":"cat"}'), line(GOOD), line('{"boxes": [[1,2')]
    report = audit(encoder, tmp_path, *records)
    assert found(report.not_understood) == {"none of these keys counts: boxes, text": [2]}
    assert found(report.not_parsed) == {"JSON ends before its brackets are closed": [4]}
    assert audit(encoder, tmp_path, *records[:2]).has_findings
    grammar = tt.Grammar(name="mine", layout=("json",), keys={"desc": ["text"], "coord": ["boxes"]})
    auditor = Auditor(encoder, tt.TokenTyper(encoder.vocabulary, grammar), Options(EVERY_LABEL))
    auditor.read(read_samples(write_lines(tmp_path, *records[:2])))
    assert not auditor.report().has_findings


HOSTILE = ["[", "<bbox>", '"a": ', " ", "9", "<", "<points ", "(1,2),", '{"a": [1, ', "\\", "'", "[]", "</ref>", "\xff"]


@given(st.lists(st.sampled_from(HOSTILE) | st.text(max_size=5), max_size=30), st.sampled_from(["auto", *tt.grammars()]))
def test_nothing_that_an_answer_holds_stops_the_audit(pieces, grammar):
    inspect("".join(pieces).encode("utf-8", "surrogatepass"), make_marker(grammar))


@pytest.mark.parametrize("piece", HOSTILE)
@pytest.mark.parametrize("before", ["", '{"a": [1, ', "[1, 2, 3] "])
def test_long_answers_take_linear_time(piece, before):
    begin = time.process_time()
    inspect((before + piece * 100_000 + "x [1, 2] </bbox>").encode("latin-1"), make_marker())
    assert time.process_time() - begin < 5


def inspect(text, marker):
    spans = marker.spans(text)
    found = list(groups(text, spans))
    assert all(group.values for group in found)
    grammar = grammar_of(marker, text)
    problems = [diagnose(text, grammar, spans, marker.unparsed(text)), diagnose_types(text, grammar, spans)]
    assert all(problem is None or len(problem) < 180 for problem in problems)


def values(answer):
    text, marker = answer.encode(), make_marker()
    return [(group.key, group.values) for group in groups(text, marker.spans(text))]


def test_coordinates_are_grouped_as_they_stand():
    assert values('[{"bbox": [1, 2.5, -3, 4e1], "label": "9"}]') == [("bbox", [1, 2.5, -3, 40])]
    assert values('{"poly": [[1, 2], [3, 4]], "desc": "7"}') == [("poly", [1, 2]), ("poly", [3, 4])]
    assert values("<ref>a 5</ref><box>[[1,2,3,4],[5,6,7,8]]</box>") == [("", [1, 2, 3, 4]), ("", [5, 6, 7, 8])]
    assert values("<|box_start|>(1,2),(3,4)<|box_end|>") == [("", [1, 2, 3, 4])]
    assert values("<|box_start|><1><2><3><4>, <5><6><7><8><|box_end|>") == [("", [1, 2, 3, 4]), ("", [5, 6, 7, 8])]
    assert values('{"bbox_2d": [<|coord_1|>, <|coord_2|>, <|coord_3|>, <|coord_4|>]}') == [("bbox_2d", [1, 2, 3, 4])]
    assert values('<points x1="9.1" y1="11.7" alt="2 cats">2 cats</points>') == [("", [9.1]), ("", [11.7])]
    assert values("<loc0001><loc0002><loc0003><loc0004> cat") == [("", [1, 2, 3, 4])]


def test_each_problem_is_found_on_its_line(encoder, tmp_path):
    box = '[{{"label": "x", "bbox_2d": [{}]}}]'.format
    records = [line(GOOD)] * 200
    records[10] = line(box("-1, 2, 3, 4"))
    records[20] = line(box("5, 2, 3, 4"))
    records[21] = line('[{"label": "x", "box_2d": [5, 9, 6, 4]}]')
    records[30] = line(box("1, 2, 3"))
    records[40] = line(box("1, 2, 3, 1400"))
    records[50] = "{"
    records[60] = {"text": "x"}
    records[70] = line(GOOD + GOOD[:-4])
    report = audit(encoder, tmp_path, *records)
    assert found(report.bad_lines) == {
        "not JSON: Expecting property name enclosed in double quotes": [51],
        "expected one of the fields messages, completion, conversations, objects, answer": [61],
    }
    assert [kind.examples[0].text for kind in report.bad_lines] == ["", "at column 2"]  # no more than the kind says
    assert found(report.not_parsed) == {"JSON ends before its brackets are closed": [71]}
    assert found(report.coordinates) == {
        "negative": [11],
        "3 numbers where a box has 4": [31],
        "above 1000": [41],
        "reversed: x2 < x1": [21, 22],
    }
    assert [(scale.scale, scale.outside) for scale in report.scales] == [("0 to 1000", 1)]
    assert report.has_findings
    assert not audit(encoder, tmp_path, line(GOOD)).has_findings
    assert audit(encoder, tmp_path, "").has_findings


def test_pixels_are_checked_against_the_picture(encoder, tmp_path):
    wide = {"objects": [{"desc": "a", "bbox_2d": [5, 2, 1900, 1000]}], "width": 1920, "height": 1080}
    high = {**wide, "width": 1080, "height": 1920}
    report = audit(encoder, tmp_path, *[wide] * 9, high)
    assert [(one.scale, one.values, one.checked, one.outside) for one in report.scales] == [("pixels", 40, 40, 1)]
    assert found(report.coordinates) == {"beyond the picture": [10]}
    assert report.coordinates[0].examples[0].text == "bbox_2d: [5, 2, 1900, 1000] in a picture of 1080 x 1920"


def test_answers_that_a_length_limit_cuts(encoder, tmp_path):
    prompt, answer = (len(ids) for ids in encoder.encode(["Find", GOOD]))
    turns = line(GOOD)["messages"]
    limit = prompt + answer + 5
    records = [line(GOOD), {"messages": turns + turns}]
    assert not audit(encoder, tmp_path, *records, max_length=2 * (prompt + answer)).cut
    report = audit(encoder, tmp_path, *records, max_length=limit, extra_tokens=5)
    assert found(report.cut) == {"left out whole": [2]}
    report = audit(encoder, tmp_path, *records, max_length=limit, extra_tokens=6)
    assert found(report.cut) == {"cut within the answer": [1, 2], "left out whole": [2]}


def test_the_grammar_may_be_given(encoder, tmp_path):
    records = [line("<ref>cat</ref> at [1, 2, 3, 4]"), line(GOOD)]
    path = tmp_path / "train.jsonl"
    path.write_text("\n".join(map(json.dumps, records)))
    auditor = Auditor(encoder, tt.TokenTyper(encoder.vocabulary, "brackets"), Options(EVERY_LABEL))
    auditor.read(read_samples(path))
    report = auditor.report()
    assert report.grammars == {"brackets": 2}
    expected = sum(
        np.bincount(tt.TokenTyper(encoder.vocabulary, "brackets").type_labels(ids), minlength=4)
        for ids in encoder.encode([text["messages"][1]["content"] for text in records])
    )
    assert report.tokens.values[:3] == tuple(expected[1:])


def test_parts_merge_into_the_whole(encoder, examples, tmp_path):
    path = tmp_path / "train.jsonl"
    records = [line(example["text"], dataset=example["grammar"]) for example in examples]
    records.insert(30, line('{"boxes": [1]}'))
    path.write_text("\n".join([*map(json.dumps, records), "{", "[]"]), encoding="utf-8")
    lines = list(read_samples(path))

    def counted(some):
        auditor = Auditor(encoder, tt.TokenTyper(encoder.vocabulary), Options(EVERY_LABEL, max_length=40))
        auditor.read(some)
        return auditor

    parts = counted(lines[50:])
    for part in (lines[:20], lines[20:50]):
        parts.counts.merge(counted(part).counts)
    assert parts.report() == counted(lines).report()


def test_memory_does_not_grow_with_the_file(encoder, tmp_path):
    def peak(lines):
        auditor = Auditor(encoder, tt.TokenTyper(encoder.vocabulary), Options(EVERY_LABEL, max_length=10))
        bad = (BadLine(number, f"kind {number}") for number in range(lines // 10))
        path = tmp_path / "train.jsonl"
        path.write_text("".join(json.dumps(line(GOOD, dataset=f"label {at}")) + "\n" for at in range(lines)))
        gc.freeze()  # the more objects other tests have left, the longer cycles wait to be collected
        tracemalloc.start()
        auditor.read(bad)
        auditor.read(read_samples(path))
        try:
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
            gc.unfreeze()

    few = peak(1500)
    assert peak(6000) < few + 100_000  # keeping the number of every line alone would take more
