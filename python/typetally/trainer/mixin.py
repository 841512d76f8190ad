"""`attach` for those who subclass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from typetally.trainer.attach import attach

if TYPE_CHECKING:
    from typetally.base.config import TokenTypeMetricsConfig
    from typetally.trainer.handle import Handle
    from typetally.typing.typer import TokenTyper


class TokenTypeMetricsMixin:
    """`class MyTrainer(TokenTypeMetricsMixin, Trainer)`: a trainer that attaches itself once it is constructed.

    Takes the arguments of `attach` beside the trainer's own: `typer`, `token_type_config` and `check_isolation`.
    What it attached is `self.token_types`.
    """

    def __init__(
        self,
        *args: Any,
        typer: TokenTyper | None = None,
        token_type_config: TokenTypeMetricsConfig | None = None,
        check_isolation: Literal["first-batch"] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.token_types: Handle = attach(self, typer, token_type_config, check_isolation=check_isolation)
