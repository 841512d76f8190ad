"""`typetally demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from rich.console import Console
from typer import Option


def demo(
    data: Annotated[
        Path | None,
        Option(
            help="Train on this JSON Lines file instead of drawn shapes; docs/demo.md lists its fields.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    out: Annotated[Path, Option(help="Folder for metrics.jsonl, report.html and curves.svg.")] = Path("runs/demo"),
    steps: Annotated[int, Option(min=1, help="Training steps.")] = 200,
    seconds: Annotated[float, Option(min=1, help="Stop training after this time.")] = 120.0,
    samples: Annotated[int, Option(min=2, help="Use at most this many samples.")] = 1200,
    seed: Annotated[int, Option(min=0, help="Of the shapes, the weights and the order.")] = 0,
) -> None:
    """Train a tiny Qwen3-VL on the CPU, for two minutes at most, and show its metrics by token type."""
    try:
        from typetally.demo.report import print_report
        from typetally.demo.run import CURVES, METRICS, PAGE, Settings, run
    except ModuleNotFoundError as error:
        raise ValueError(f"[demo] expected the module {error.name}: pip install 'typetally[demo]'") from error
    console = Console()
    report = run(Settings(data, out, steps, seconds, samples, seed), console)
    print_report(report, console)
    for name in (METRICS, PAGE, CURVES):
        console.print(f"{out / name}", style="bold", markup=False, highlight=False, soft_wrap=True)
