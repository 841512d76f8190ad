"""The tally as part of a process: memory, threads, forks, and updates that are refused."""

import multiprocessing
import subprocess
import sys
import threading

import numpy as np
import pytest
import torch

import typetally
from typetally.tally.meter import TokenTypeMeter

PEAK = """
import resource
from types import SimpleNamespace

import torch

from typetally.tally.meter import TokenTypeMeter

rows, vocabulary = 4096, 151936
labels = torch.arange(rows)[None]


def grown(small, large):  # KiB that a large update adds to the peak
    small()  # loads what is loaded once
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    large()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before


logits = torch.zeros(1, rows, vocabulary, dtype=torch.bfloat16)  # zeroed pages are not mapped yet:
logits.view(-1)[::1024].fill_(1.0)                               # touch them all
meter, types = TokenTypeMeter(), torch.ones_like(labels)
print(grown(lambda: meter.update(logits=logits[:, :64], labels=labels[:, :64]),
            lambda: meter.update(logits=logits, labels=labels, token_types=types)))
config = SimpleNamespace(logit_scale=0.5, final_logit_softcapping=30.0)
head = dict(weight=torch.ones(vocabulary, 8, dtype=torch.bfloat16), model_config=config)
hidden = torch.ones(1, rows, 8, dtype=torch.bfloat16)
print(grown(lambda: meter.update_from_hidden(hidden=hidden[:, :4], labels=labels[:, :4], **head),
            lambda: meter.update_from_hidden(hidden=hidden, labels=labels, token_types=types, **head)))
"""


def test_updates_take_no_memory_of_the_size_of_logits():
    """1.2 GB of logits: at most 32 MiB where they are given, at most a chunk of 64 MiB where they are made."""
    done = subprocess.run([sys.executable, "-c", PEAK], capture_output=True, text=True, check=True)
    from_logits, from_hidden = (int(line) / 1024 for line in done.stdout.split())
    assert from_logits <= 32
    assert from_hidden <= 64 + 4  # what the allocators keep


def totals(seed):
    rng = np.random.default_rng(seed)
    meter = TokenTypeMeter()
    meter.update(logits=rng.normal(size=(2, 40, 5000)).astype(np.float32), labels=rng.integers(0, 5000, (2, 40)))
    return meter.flat().tolist()


def test_a_forked_worker_tallies_after_threads_did():
    typetally.set_num_threads(3)
    try:
        wanted = totals(0)
        with multiprocessing.get_context("fork").Pool(2) as pool:
            assert pool.map_async(totals, [0, 0]).get(timeout=60) == [wanted, wanted]
        assert totals(0) == wanted
    finally:
        typetally.set_num_threads(0)


def test_threads_tally_at_once_and_do_not_hold_each_other_up():
    """The GIL is free while a kernel runs: this thread goes on counting."""
    logits = np.zeros((1, 600, 150_000), dtype=np.float32)
    labels = np.zeros((1, 600), dtype=np.int64)
    done = threading.Event()

    def work():
        TokenTypeMeter().update(logits=logits, labels=labels)
        done.set()

    thread = threading.Thread(target=work)
    thread.start()
    steps = 0
    while not done.wait(0):
        steps += 1
    thread.join()
    assert steps > 50
    results = {}
    threads = [threading.Thread(target=lambda i=i: results.update({i: totals(i % 2)})) for i in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert all(results[i] == totals(i % 2) for i in range(6))


def good():
    rng = np.random.default_rng(0)
    return {
        "logits": rng.normal(size=(2, 5, 7)),
        "labels": rng.integers(0, 7, (2, 5)),
        "token_types": np.ones((2, 5), int),
    }


REFUSED = {
    "label outside the vocabulary": ({"labels": np.full((2, 5), 7)}, ValueError),
    "more labels than logits": ({"labels": np.zeros((2, 6), int)}, ValueError),
    "fewer rows": ({"labels": np.zeros((1, 5), int)}, ValueError),
    "rank": ({"labels": np.zeros((1, 2, 5), int)}, ValueError),
    "labels of floats": ({"labels": np.zeros((2, 5))}, TypeError),
    "other types": ({"token_types": np.full((2, 5), 4)}, ValueError),
    "types beyond int8": ({"token_types": np.full((2, 5), 300)}, ValueError),
    "fewer types": ({"token_types": np.ones((2, 4), int)}, ValueError),
    "zero vocabulary": ({"logits": np.zeros((2, 5, 0))}, ValueError),
    "logits of integers": ({"logits": np.zeros((2, 5, 7), dtype=np.int32)}, ValueError),
    "a list of logits": ({"logits": [[[0.0]]]}, TypeError),
    "cu_seqlens that end early": ({"cu_seqlens": [0, 9]}, ValueError),
    "cu_seqlens that fall": ({"cu_seqlens": [0, 8, 4, 10]}, ValueError),
    "cu_seqlens from 1": ({"cu_seqlens": [1, 10]}, ValueError),
    "cu_seqlens of nothing": ({"cu_seqlens": []}, ValueError),
    "cu_seqlens beyond int32": ({"cu_seqlens": [0, 2**40]}, ValueError),
    "a negative number to keep": ({"logits_to_keep": -1}, ValueError),
    "another number to keep": ({"logits_to_keep": 3}, ValueError),
    "positions to keep outside": ({"logits_to_keep": np.array([0, 1, 2, 3, 9])}, ValueError),
    "a mask of two dimensions": ({"logits_to_keep": np.ones((2, 5), bool)}, ValueError),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("route", ["auto", "torch"])
def test_a_refused_update_leaves_the_meter_as_it_was(name, route):
    change, error = REFUSED[name]
    meter = TokenTypeMeter(route=route)
    meter.update(**good())
    before = np.asarray(meter.flat()).tolist()
    arguments = good() | change
    if route == "torch":
        if not isinstance(arguments["logits"], np.ndarray) or arguments["logits"].dtype == np.int32:
            pytest.skip("the same check as in the other route")
        arguments["logits"] = torch.from_numpy(arguments["logits"])
    with pytest.raises(error, match=r"^\[\w+\] expected .*, got "):
        meter.update(**arguments)
    assert np.asarray(meter.flat()).tolist() == before


def test_no_rows_and_empty_documents_are_right():
    meter = TokenTypeMeter()
    meter.update(logits=np.zeros((0, 5, 7)), labels=np.zeros((0, 5), int))
    meter.update(logits=np.zeros((1, 0, 7)), labels=np.zeros((1, 0), int), cu_seqlens=[0, 0, 0])
    assert meter.compute() == {}
    assert meter.flat()[32] == 2


HIDDEN = {
    "both": ({"hidden": np.zeros((1, 3, 4), np.float32), "weight": torch.zeros(5, 4)}, TypeError),
    "width": ({"hidden": np.zeros((1, 3, 4)), "weight": np.zeros((5, 3))}, ValueError),
    "bias": ({"hidden": np.zeros((1, 3, 4)), "weight": np.zeros((5, 4)), "bias": np.zeros(4)}, ValueError),
    "label": ({"hidden": np.zeros((1, 3, 4)), "weight": np.zeros((1, 4))}, ValueError),
    "chunk": ({"hidden": np.zeros((1, 3, 4)), "weight": np.zeros((5, 4)), "chunk_bytes": 0}, ValueError),
    "rows": ({"hidden": np.zeros((1, 2, 4)), "weight": np.zeros((5, 4))}, ValueError),
}


@pytest.mark.parametrize("name", HIDDEN)
def test_hidden_states_that_do_not_fit(name):
    arguments, error = HIDDEN[name]
    with pytest.raises(error, match=r"^\[\w+\] expected .*, got "):
        TokenTypeMeter().update_from_hidden(labels=np.ones((1, 3), int), **arguments)


TOKENS = {
    "both": {"predicted": np.zeros((1, 3), int), "correct": np.zeros((1, 3), bool)},
    "none": {},
    "shape": {"predicted": np.zeros((1, 2), int)},
    "entropy": {"predicted": np.zeros((1, 3), int), "entropy": np.zeros(3)},
}


@pytest.mark.parametrize("name", TOKENS)
def test_tokens_that_do_not_fit(name):
    with pytest.raises(ValueError, match=r"^\[update_from_tokens\] expected .*, got "):
        TokenTypeMeter().update_from_tokens(nll=np.ones((1, 3)), labels=np.ones((1, 3), int), **TOKENS[name])
