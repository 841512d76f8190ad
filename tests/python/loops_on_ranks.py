"""A loop without a trainer, on ranks that see very different data. test_ranks compares two and three of them, which
on_ranks starts, with one process."""

import tiny_models as tiny
import torch
from torch import distributed
from torch.nn.parallel import DistributedDataParallel

import typetally as tt

DOCUMENTS = 4  # of the context-parallel batches


def prose(sample):
    """Without a coordinate or any syntax but the end of the turn."""
    ids = tiny.tokenizer()("a red circle left of two squares<|im_end|>", add_special_tokens=False)["input_ids"]
    return {"input_ids": sample["input_ids"][:3] + ids, "labels": [-100] * 3 + ids}


def silent(sample):
    return {**sample, "labels": [-100] * len(sample["labels"])}


def shares():
    """The micro-batches of each rank, by case: lists of samples."""
    s = tiny.text_samples(12)
    return {
        "uneven batches": [[s[:3], s[3:4]], [s[4:5], s[5:9]], [s[9:11], s[11:12]]],
        "a rank without a type": [[s[:2], s[2:4]], [[prose(x)] for x in s[4:6]], [s[6:7], s[7:9]]],
        "a rank without a target": [[s[:2], s[2:4]], [[silent(x)] for x in s[4:6]], [s[6:7], s[7:9]]],
        "uneven micro-batch counts": [[s[:2], s[2:4], s[4:5], s[5:6]], [s[6:8]], [s[8:9], s[9:12]]],
        "a rank without a micro-batch": [[s[:2], s[2:4]], [], [s[4:7]]],
    }


def types_of(labels, bounds=None):
    return torch.as_tensor(tt.TokenTyper(tiny.tokenizer()).type_labels(labels.numpy(), cu_seqlens=bounds))


def tally(meter, model, batch):
    """One micro-batch, forward and backward."""
    bounds = tt.document_boundaries(batch)
    outputs = model(**{key: value for key, value in batch.items() if key != "labels"})
    outputs.logits.sum().backward()
    labels = batch["labels"]
    meter.update(logits=outputs.logits, labels=labels, token_types=types_of(labels, bounds), cu_seqlens=bounds)


def frozen_model():
    model = tiny.text_model(torch.float64)
    model.config.use_cache = False
    return model


def uneven(case, ranks, collate):
    """The same meter on every rank: of all micro-batches of the first `ranks` shares."""
    mine = shares()[case][:ranks]
    meter = tt.TokenTypeMeter(extended=True)
    if not distributed.is_initialized():
        model = frozen_model()
        for batch in (batch for share in mine for batch in share):
            tally(meter, model, collate(batch))
        return meter
    model = DistributedDataParallel(frozen_model())
    with model.join():
        for batch in mine[distributed.get_rank()]:
            tally(meter, model, collate(batch))
    return meter.over_ranks()


def context_parallel(ranks, collate):
    """A batch whose positions are dealt to ranks in two chunks each, one from either end, as ring attention balances
    its work; the logits are the whole batch's, which is what a model computes that exchanges keys and values."""
    batch = collate(tiny.text_samples(DOCUMENTS))
    bounds = tt.document_boundaries(batch)
    labels = batch["labels"]
    with torch.no_grad():
        logits = frozen_model()(**{key: value for key, value in batch.items() if key != "labels"}).logits
    types = types_of(labels, bounds)
    meter = tt.TokenTypeMeter(extended=True)
    if not distributed.is_initialized():
        meter.update(logits=logits, labels=labels, token_types=types, cu_seqlens=bounds)
        return meter
    ends = torch.as_tensor(bounds[1:] - 1, dtype=torch.long)
    shifted = labels.roll(-1).flatten().index_fill(0, ends, -100).view(labels.shape)
    mine = positions_of(distributed.get_rank(), ranks, labels.shape[1])
    meter.update(logits=logits[:, mine], labels=shifted[:, mine], token_types=types.roll(-1)[:, mine], shifted=True)
    return meter.over_ranks()


def positions_of(rank, ranks, length):
    chunks = torch.arange(length).tensor_split(2 * ranks)
    return torch.cat([chunks[rank], chunks[2 * ranks - 1 - rank]])


def run_all(ranks):
    results = {
        f"{case}, {collate.__name__}": uneven(case, ranks, collate)
        for case in shares()
        for collate in (tiny.pad, tiny.pack)
    }
    for collate in (tiny.pad, tiny.pack):
        results[f"context parallel, {collate.__name__}"] = context_parallel(ranks, collate)
    return {name: {"sums": meter.state_dict()["sums"], "metrics": meter.compute()} for name, meter in results.items()}
