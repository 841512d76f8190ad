"""Plans in files: NumPy's `.npz`, or `.arrow` with the list of a pack's samples in each row."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

_LISTS = ("oversized_indices", "dropped_indices")
_ARRAYS = ("offsets", "indices", *_LISTS)
_FIGURES = ("capacity", "lower_bound", "efficiency", "gap", "truncated")
_SUFFIXES = (".npz", ".arrow")


def check_suffix(path: Path) -> None:
    """Raises ValueError for a file that is neither NumPy's nor Arrow's by its name."""
    if path.suffix not in _SUFFIXES:
        raise ValueError(f"[PackPlan] expected a file name that ends with {' or '.join(_SUFFIXES)}, got {path.name}")


def write_plan(plan: Any, path: Path) -> None:
    """Writes a PackPlan; the same plan gives the same bytes."""
    check_suffix(path)
    figures = {name: getattr(plan, name) for name in _FIGURES}
    arrays = {name: getattr(plan, name) for name in _ARRAYS}
    if path.suffix == ".npz":
        np.savez(path, figures=np.array(json.dumps(figures)), **arrays)
        return
    arrow = _arrow()
    packs = arrow.LargeListArray.from_arrays(arrays["offsets"], arrays["indices"])
    lists = {name: arrays[name].tolist() for name in _LISTS}
    schema = arrow.schema([("samples", packs.type)], metadata={"typetally": json.dumps(figures | lists)})
    with arrow.OSFile(str(path), "wb") as sink, arrow.ipc.new_file(sink, schema) as writer:
        writer.write_table(arrow.table([packs], schema=schema))


def read_plan(path: Path) -> dict[str, Any]:
    """The fields of a PackPlan that `write_plan` wrote. OSError if there is no file, ValueError for another's."""
    check_suffix(path)
    try:
        return _read_numpy(path) if path.suffix == ".npz" else _read_arrow(path)
    except (KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(f"[PackPlan] expected a plan that was saved as {path.name}, got: {error}") from None


def _read_numpy(path: Path) -> dict[str, Any]:
    with np.load(path) as stored:
        return _fields(json.loads(str(stored["figures"])), {name: stored[name] for name in _ARRAYS})


def _read_arrow(path: Path) -> dict[str, Any]:
    arrow = _arrow()
    with arrow.OSFile(str(path), "rb") as source:
        table = arrow.ipc.open_file(source).read_all()
    figures = json.loads((table.schema.metadata or {})[b"typetally"])
    packs = table.column("samples").combine_chunks()
    if isinstance(packs, arrow.ChunkedArray):  # what an empty table combines to
        packs = packs.chunk(0)
    arrays = {"offsets": packs.offsets.to_numpy(), "indices": packs.values.to_numpy()}
    return _fields(figures, arrays | {name: np.array(figures[name], np.int64) for name in _LISTS})


def _fields(figures: Mapping[str, Any], arrays: Mapping[str, Any]) -> dict[str, Any]:
    return {name: figures[name] for name in _FIGURES} | {name: arrays[name].astype(np.int64) for name in _ARRAYS}


def _arrow() -> Any:
    try:
        import pyarrow
        import pyarrow.ipc
    except ImportError as error:
        raise ValueError(f"[PackPlan] expected `pip install pyarrow` for .arrow files: {error}") from None
    return pyarrow
