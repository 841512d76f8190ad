"""attach in trainings on a GPU: every logged figure from the raw batches, and nothing that makes the host wait."""

import logging

import pytest
import tiny_models as tiny
import torch
from cuda_here import needs_device, waiting_is_an_error
from trainer_oracle import Spy, check_log, ours
from transformers import Trainer
from transformers.modeling_outputs import CausalLMOutput

import typetally as tt

pytestmark = needs_device


def make_trainer(folder, model, samples, base, **options):
    """Our hook runs where waiting is an error: one would be counted, and logged under a name that the oracle does not
    know."""
    trainer = Trainer(
        model=model,
        args=tiny.arguments(folder, use_cpu=False, eval_strategy="steps", eval_steps=2, **options),
        train_dataset=samples,
        eval_dataset=samples[:5],
        data_collator=base,
        processing_class=tiny.tokenizer(),
    )
    handle = tt.attach(trainer)
    record = handle._recorder.record

    def strictly(batch, forward):
        with waiting_is_an_error():
            return record(batch, forward)

    handle._recorder.record = strictly
    return trainer, handle


def train(folder, model, samples, base, **options):
    """Trains, and evaluates every second step."""
    trainer, handle = make_trainer(folder, model, samples, base, **options)
    spy = Spy(trainer, samples, tiny.sample_types(samples))
    trainer.train()
    assert trainer.model.device.type == "cuda"
    assert handle.typed_in_hook == 0
    return trainer, spy


CASES = {
    "float32": {},
    "bf16": {"bf16": True},
    "accumulated": {"gradient_accumulation_steps": 2},
    "label smoothing": {"label_smoothing_factor": 0.1},
    "loader processes": {"dataloader_num_workers": 2},
    "compiled": {"torch_compile": True},
    "compiled for CUDA graphs": {"torch_compile": True, "torch_compile_mode": "reduce-overhead"},
}


@pytest.mark.parametrize("base", [tiny.pack, tiny.pad])
@pytest.mark.parametrize("case", CASES)
def test_every_logged_figure_is_that_of_the_raw_batches(tmp_path, case, base):
    samples = tiny.text_samples(2 if "compiled" in case else 12)  # one shape, one compilation
    samples = samples * 3 if len(samples) == 2 else samples
    trainer, spy = train(tmp_path, tiny.text_model(), samples, base, **CASES[case])
    check_log(trainer, spy, relative=1e-5)


def test_hidden_states_are_read_without_waiting(tmp_path):
    def loss_alone(loss, logits, labels):
        return CausalLMOutput(loss=loss)

    samples = tiny.text_samples(12)
    expected, _ = train(tmp_path, tiny.text_model(), samples, tiny.pack)
    model = tiny.without_logits(tiny.text_model(), loss_alone)
    trainer, _ = make_trainer(tmp_path, model, samples, tiny.pack)
    trainer.train()
    for line, wanted in zip(trainer.state.log_history, expected.state.log_history, strict=True):
        assert ours(line).keys() == ours(wanted).keys()
        for name, value in ours(wanted).items():
            assert ours(line)[name] == pytest.approx(value, rel=1e-4), name


class Plain(torch.nn.Module):
    """A model whose body can be captured: fixed shapes, nothing that depends on data."""

    def __init__(self, vocabulary, graphed):
        super().__init__()
        torch.manual_seed(0)
        self.embed = torch.nn.Embedding(vocabulary, 32)
        self.body = torch.nn.Sequential(torch.nn.Linear(32, 64), torch.nn.GELU(), torch.nn.Linear(64, 32))
        self.head = torch.nn.Linear(32, vocabulary, bias=False)
        self.cuda()
        self.graphed = None
        if graphed:
            states = torch.randn(1, graphed, 32, device="cuda", requires_grad=True)
            self.graphed = torch.cuda.make_graphed_callables(self.body, (states,))

    @property
    def device(self):
        return self.head.weight.device

    def forward(self, input_ids, labels, position_ids=None):
        states = self.embed(input_ids)
        logits = self.head(self.body(states) if self.graphed is None else self.graphed(states))
        loss = torch.nn.functional.cross_entropy(logits[0, :-1], labels[0, 1:])
        return CausalLMOutput(loss=loss, logits=logits)


@pytest.mark.parametrize("graphed", [False, True])
def test_a_model_with_a_captured_body(tmp_path, graphed):
    samples = tiny.text_samples(2) * 3
    columns = sum(len(sample["labels"]) for sample in samples[:2])
    model = Plain(len(tiny.tokenizer()) + 8, columns if graphed else 0)
    trainer, spy = train(tmp_path, model, samples, tiny.pack)
    check_log(trainer, spy, relative=1e-5)


def test_the_capture_of_a_whole_model_is_said_and_spoils_nothing(tmp_path, caplog):
    samples = tiny.text_samples(2)
    model = Plain(len(tiny.tokenizer()) + 8, 0)
    _, handle = make_trainer(tmp_path, model, samples, tiny.pack)
    inputs = {key: value.cuda() for key, value in tiny.pack(samples).items()}
    model.train()
    with torch.cuda.stream(torch.cuda.Stream()), torch.no_grad():
        wanted = model(**inputs).logits
    torch.cuda.synchronize()
    handle._recorder.close_window()
    graph = torch.cuda.CUDAGraph()
    with torch.no_grad(), torch.cuda.graph(graph):
        logits = model(**inputs).logits
    graph.replay()
    torch.testing.assert_close(logits, wanted)
    assert handle._recorder.close_window() == {"typetally_errors": 1}
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "got one that a CUDA graph captures" in str(record.exc_info[1])
