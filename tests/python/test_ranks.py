"""Two and three real gloo ranks that see very different data: the sums of one process over all of it."""

import loops_on_ranks
import numpy as np
import pytest

CASES = [
    "uneven batches",
    "a rank without a type",
    "a rank without a target",
    "uneven micro-batch counts",
    "a rank without a micro-batch",
    "context parallel",
]
SUMS = [k for kind in range(4) for k in (8 * kind + 6, 8 * kind + 7)]  # of nll and entropy
BATCHES = 32


@pytest.fixture(scope="module", params=[2, 3])
def ranks(request):
    return request.param


@pytest.fixture(scope="module")
def results(ranks, on_ranks):
    return [rank["loops"] for rank in on_ranks(ranks)]


@pytest.fixture(scope="module")
def expected(ranks):
    return loops_on_ranks.run_all(ranks)


@pytest.mark.parametrize("layout", ["pad", "pack"])
@pytest.mark.parametrize("case", CASES)
def test_counts_are_exact_and_sums_those_of_one_process(results, expected, ranks, case, layout):
    name = f"{case}, {layout}"
    alone = expected[name]["sums"]
    assert alone[0] + alone[8] + alone[16] + alone[24] > 100
    for rank in results:
        joined = list(rank[name]["sums"])
        if case == "context parallel":
            assert joined[BATCHES] == ranks * alone[BATCHES]  # every shard is an update of its own
            joined[BATCHES] = alone[BATCHES]
        np.testing.assert_allclose(np.take(joined, SUMS), np.take(alone, SUMS), rtol=1e-9)
        assert np.delete(joined, SUMS).tolist() == np.delete(alone, SUMS).tolist()


def test_every_rank_computes_the_same_metrics(results, expected):
    for rank in results:
        assert {name: result["metrics"] for name, result in rank.items()} == {
            name: result["metrics"] for name, result in results[0].items()
        }
    assert results[0].keys() == expected.keys()


def test_the_cases_are_what_they_are_called(expected):
    """Each rank's own share lacks what its name says."""
    for shares, lacking in (("a rank without a type", 8 * 2), ("a rank without a target", None)):
        model = loops_on_ranks.frozen_model()
        meter = loops_on_ranks.tt.TokenTypeMeter()
        for batch in loops_on_ranks.shares()[shares][1]:
            loops_on_ranks.tally(meter, model, loops_on_ranks.tiny.pad(batch))
        flat = meter.flat()
        assert flat[BATCHES] == 2
        if lacking is None:
            assert flat[:BATCHES].sum() == 0
        else:
            assert flat[lacking] == 0
            assert flat[8] > 0
    counts = [len(share) for share in loops_on_ranks.shares()["uneven micro-batch counts"]]
    assert counts == [4, 1, 2]
