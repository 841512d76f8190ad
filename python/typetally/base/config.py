"""What to measure, as a trainer's configuration file says it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from typetally import _core

DEFAULT_LABEL = "default"


@dataclass(frozen=True)
class TokenTypeMetricsConfig:
    """Which samples are typed and how much is reported.

    enabled: False turns everything off.
    include, exclude: data set labels, compared stripped and lower-cased. A sample counts if its label is in `include`
        ("*" stands for all, an empty sequence for none) and not in `exclude`, which wins. A config that names neither
        counts "lvis" alone; without a config `attach` counts all.
    extended: also report the keys that dashboards rarely need (loss by type, top-5 accuracy, shares, coverage).

    Raises TypeError for a field of the wrong type; a lone string is refused too, as it would pass for letters.
    """

    enabled: bool = True
    include: tuple[str, ...] = ("lvis",)
    exclude: tuple[str, ...] = ()
    extended: bool = False
    _filter: _core.DatasetFilter = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in ("enabled", "extended"):
            if not isinstance(getattr(self, name), bool):
                raise TypeError(_expected(name, "a bool", getattr(self, name)))
        for name in ("include", "exclude"):
            object.__setattr__(self, name, _labels(name, getattr(self, name)))
        object.__setattr__(self, "_filter", _core.DatasetFilter(self.include, self.exclude))

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> TokenTypeMetricsConfig:
        """From what a configuration file holds: {"enabled": True, "include": ["lvis"], "exclude": []}; fields that are
        absent have their defaults. Raises ValueError for an unknown field, TypeError for a value of the wrong type."""
        if not isinstance(mapping, Mapping):
            raise TypeError(f"[TokenTypeMetricsConfig] expected a mapping, got {type(mapping).__name__}")
        known = [entry.name for entry in fields(cls) if entry.init]
        unknown = sorted(str(name) for name in mapping if name not in known)
        if unknown:
            raise ValueError(f"[TokenTypeMetricsConfig] expected fields of {known}, got {unknown}")
        return cls(**mapping)

    def admits(self, label: str) -> bool:
        """Whether samples with this data set label count."""
        return self._filter.admits(canonical_label(label))

    @staticmethod
    def sample_label(sample: Mapping[str, Any]) -> str:
        """A sample's data set label, stripped and lower-cased: `metadata.dataset`, else `dataset`, else
        `dataset_name`, else `channel` (all that ms-swift keeps of a row), else "default". Absent, None and blank are
        the same."""
        metadata = sample.get("metadata")
        candidates = [metadata.get("dataset") if isinstance(metadata, Mapping) else None]
        candidates += [sample.get(key) for key in ("dataset", "dataset_name", "channel")]
        labels = (canonical_label(str(candidate)) for candidate in candidates if candidate is not None)
        return next((label for label in labels if label), DEFAULT_LABEL)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.enabled, self.include, self.exclude, self.extended)


def canonical_label(label: str) -> str:
    """As labels are compared; the core does the same for ASCII alone."""
    return label.strip().lower()


def _labels(name: str, value: object) -> tuple[str, ...]:
    if isinstance(value, str | bytes) or not isinstance(value, Sequence | set | frozenset):
        raise TypeError(_expected(name, "a list of labels", value))
    entries = sorted(value) if isinstance(value, set | frozenset) else value
    for entry in entries:
        if not isinstance(entry, str):
            raise TypeError(_expected(name, "labels as strings", entry))
    return tuple(canonical_label(entry) for entry in entries)


def _expected(name: str, expected: str, got: object) -> str:
    return f"[TokenTypeMetricsConfig] expected {name} to be {expected}, got {got!r}"
