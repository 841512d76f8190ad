"""The layer check finds what it is there to find."""

import subprocess
import sys
from pathlib import Path

import pytest


def check(root: Path, tree: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(root / "tools/check_layers.py"), str(tree)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("path", "line", "allowed"),
    [
        ("src/tally/merge.cc", '#include "typetally/base/error.h"', True),
        ("src/tally/cpu/row_stats.cc", '#include "tally/cpu/block.h"', True),
        ("include/typetally/typetally.h", '#include "typetally/report/metrics.h"', True),
        ("src/base/error.cc", '#include "typetally/report/metrics.h"', False),
        ("src/text/engine.cc", '#include "typing/automaton.h"', False),
        ("include/typetally/typing/typer.h", "#  include <typetally/batch/pack_plan.h>", False),
        ("src/tally/tally.cc", "#include <nanobind/nanobind.h>", False),
        ("include/typetally/base/tensor_view.h", "#include <torch/torch.h>", False),
        ("python/typetally/__init__.py", "from typetally.trainer import attach", True),
        ("python/typetally/trainer/attach.py", "from typetally.collator import TokenTypeCollator", True),
        ("python/typetally/batch/collate.py", "    from typetally.tally.meter import TokenTypeMeter", False),
        ("python/typetally/audit/page.py", "import typetally.cli.options", False),
    ],
)
def test_layer_check(root: Path, tmp_path: Path, path: str, line: str, allowed: bool) -> None:
    source = tmp_path / path
    source.parent.mkdir(parents=True)
    source.write_text(f"#pragma once\n{line}\n")
    done = check(root, tmp_path)
    assert (done.returncode == 0) == allowed
    assert allowed or f"{path}:2: {line.strip()}" in done.stdout
