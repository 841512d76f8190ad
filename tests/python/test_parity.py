"""A part of the parity suite, and that the README's table is what it prints."""

import parity
import pytest


@pytest.fixture(scope="module")
def measured():
    return parity.measure(quick=True)


def cells(lines):
    """What a table says of (trainer, reads, layout), as far as this environment trains it."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    head = next(row for row in rows if row[:2] == ["trainer", "reads"])
    own = [row for row in rows if len(row) == len(head) and row[1] in parity.TRAINERS.get(row[0], ())]
    return {(*row[:2], layout): cell for row in own for layout, cell in zip(head[2:], row[2:], strict=True) if cell}


def test_the_readme_has_what_the_suite_finds(measured, root):
    oracle, checked = measured
    readme = (root / "README.md").read_text()
    assert parity.header(oracle) in readme
    found, promised = cells(parity.table(checked)), cells(readme.splitlines())
    assert found.items() <= promised.items()
    assert promised == cells(parity.table([*parity.all_runs(1), *parity.all_runs(2)]))
    assert {key[:2] for key in found} == {key[:2] for key in promised}
    assert {run.layout for run in checked} == set(parity.LAYOUTS)
    assert {run.ranks for run in checked} == {1, 2}


def test_a_wrong_figure_is_noticed(measured):
    oracle, checked = measured
    run = checked[0]
    by_type = {name: oracle.by_type[kind] for kind, name in parity.NAMES.items()}
    total, nll = oracle.total("count"), oracle.total("nll")
    metrics = {"tokens_total": total, "token_loss": nll / total}
    for name, of in by_type.items():
        metrics |= {
            f"{name}_token_frac": of.count / total,
            f"{name}_token_acc": of.correct / of.count,
            f"{name}_loss": of.nll / of.count,
            f"{name}_entropy": of.entropy / of.count,
        }
    parity.check(run, metrics, oracle)
    for key, value in metrics.items():
        off = value + 1 if key == "tokens_total" else value - 0.01 if "_acc" in key else value * (1 + 1e-4)
        if not key.endswith("_frac"):
            with pytest.raises(AssertionError):
                parity.check(run, metrics | {key: off}, oracle)
