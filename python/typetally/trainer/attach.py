"""One line that brings metrics by token type into a trainer's own log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from typetally.trainer.ms_swift import refuse_sequence_parallel

if TYPE_CHECKING:
    from typetally.base.config import TokenTypeMetricsConfig
    from typetally.trainer.handle import Handle
    from typetally.typing.typer import TokenTyper


def attach(
    trainer: Any,
    typer: TokenTyper | None = None,
    config: TokenTypeMetricsConfig | None = None,
    *,
    check_isolation: Literal["first-batch"] | None = None,
) -> Handle:
    """Adds metrics by token type to every log line and evaluation of a Hugging Face `Trainer` or a subclass,
    TRL's and ms-swift's among them.

    typer: how tokens are typed; by default the "auto" grammar over the vocabulary of `trainer.processing_class` (a
    tokenizer or a processor). config: which data sets count; without one all. check_isolation: "first-batch" runs
    `typetally.check_isolation` once, on each rank's first packed micro-batch of training, and logs what it found: a
    warning with what to change where documents see each other.

    Training windows restart with `train()`, also where it resumes from a checkpoint, as the trainer's own loss does.
    Raises ValueError if `trainer` is attached already, cannot be served, or has no processor to make a typer of.
    """
    from typetally.base.config import TokenTypeMetricsConfig
    from typetally.trainer.handle import ATTRIBUTE, Handle
    from typetally.trainer.refusals import refuse_trainer

    refuse_trainer(trainer)
    refuse_sequence_parallel(trainer)
    if check_isolation not in (None, "first-batch"):
        raise ValueError(f"[attach] expected check_isolation as 'first-batch' or None, got {check_isolation!r}")
    if ATTRIBUTE in vars(trainer):
        raise ValueError(
            "[attach] expected a trainer that is not attached, got one that is; call its handle's detach()"
        )
    if isinstance(typer, TokenTypeMetricsConfig):
        raise TypeError("[attach] expected typer as a TokenTyper, got a TokenTypeMetricsConfig; pass config=...")
    if config is None:
        config = TokenTypeMetricsConfig(include=("*",))
    typer = typer_of(trainer) if typer is None else typer
    return Handle(trainer, typer, config, check_first_batch=check_isolation is not None)


def typer_of(trainer: Any) -> TokenTyper:
    """That of the trainer's collator, else the "auto" typer over the vocabulary of its processor."""
    from typetally.collator import TokenTypeCollator
    from typetally.text.vocabulary import Vocabulary
    from typetally.typing.typer import TokenTyper

    if isinstance(trainer.data_collator, TokenTypeCollator):
        return trainer.data_collator.typer
    processor = getattr(trainer, "processing_class", None)
    if processor is None:
        raise ValueError(
            "[attach] expected a typer or a trainer with a processing_class (tokenizer or processor), got neither"
        )
    return TokenTyper(Vocabulary.from_tokenizer(processor))
