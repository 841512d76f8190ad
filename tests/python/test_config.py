"""Which samples count, as a configuration says it."""

import pickle
from typing import Any

import pytest

from typetally import TokenTypeMetricsConfig

from_mapping = TokenTypeMetricsConfig.from_mapping


@pytest.mark.parametrize(
    ("include", "exclude", "admitted"),
    [
        (["lvis"], [], {"lvis"}),
        (["*"], [], {"lvis", "coco", "default", "größe"}),
        (["*"], ["coco"], {"lvis", "default", "größe"}),
        (["lvis", "coco"], ["COCO "], {"lvis"}),
        (["*"], ["*"], set()),
        ([], [], set()),
        ((" LVIS\t", "Größe\u00a0"), (), {"lvis", "größe"}),
    ],
)
def test_exclude_wins_over_include(include: Any, exclude: Any, admitted: set[str]) -> None:
    config = from_mapping({"include": include, "exclude": exclude})
    for kept in (config, pickle.loads(pickle.dumps(config))):
        assert {label for label in ("lvis", "coco", "default", "größe") if kept.admits(label)} == admitted
        assert kept.admits("  LVIS\n") == ("lvis" in admitted)
        assert kept.admits("GRÖSSE") is ("*" in config.include and "*" not in config.exclude)


def test_defaults_are_lvis_alone() -> None:
    config = from_mapping({})
    assert config == TokenTypeMetricsConfig(enabled=True, include=("lvis",), exclude=(), extended=False)


@pytest.mark.parametrize(
    ("sample", "label"),
    [
        ({"metadata": {"dataset": " LVIS "}, "dataset": "coco", "dataset_name": "x"}, "lvis"),
        ({"metadata": {"source": 1}, "dataset": "Coco", "dataset_name": "x"}, "coco"),
        ({"metadata": None, "dataset": "", "dataset_name": "X"}, "x"),
        ({"metadata": "lvis", "dataset": None}, "default"),
        ({"dataset": 7}, "7"),
        ({}, "default"),
    ],
)
def test_label_comes_from_the_first_that_is_there(sample: dict[str, Any], label: str) -> None:
    assert TokenTypeMetricsConfig.sample_label(sample) == label


@pytest.mark.parametrize(
    ("mapping", "error", "text"),
    [
        (
            {"includes": ["lvis"]},
            ValueError,
            r"expected fields of \['enabled', 'include', 'exclude', 'extended'\], got \['includes'\]",
        ),
        ({"include": "lvis"}, TypeError, "expected include to be a list of labels, got 'lvis'"),
        ({"exclude": ["a", 3]}, TypeError, "expected exclude to be labels as strings, got 3"),
        ({"exclude": None}, TypeError, "expected exclude to be a list of labels, got None"),
        ({"enabled": "yes"}, TypeError, "expected enabled to be a bool, got 'yes'"),
        ([("include", [])], TypeError, "expected a mapping, got list"),
    ],
)
def test_mistakes_name_the_field(mapping: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=r"\[TokenTypeMetricsConfig\] " + text):
        from_mapping(mapping)
