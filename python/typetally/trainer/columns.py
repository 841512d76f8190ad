"""Gets a trainer's column filters and its collator to carry what typing needs."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from typetally.collator import TokenTypeCollator
from typetally.collator.sample_types import Route

if TYPE_CHECKING:
    from typetally.base.config import TokenTypeMetricsConfig
    from typetally.typing.typer import TokenTyper

PAYLOAD_KEY = "assistant_payload"
# What typing reads of a sample beside its labels.
COLUMNS = ("token_types", "metadata", "dataset", "dataset_name")


class Columns:
    """Wraps `trainer.data_collator` and extends `trainer._signature_columns`; `remove` puts both back."""

    def __init__(
        self, trainer: Any, typer: TokenTyper, config: TokenTypeMetricsConfig, route: Route, carry_notes: bool
    ) -> None:
        self._trainer = trainer
        self._collator_before = trainer.data_collator
        self._signature_before = vars(trainer).get("_signature_columns")
        self.collator = self._wrap(trainer.data_collator, typer, config, route)
        self.collator.carry_notes = carry_notes
        self._extend_signature()
        trainer.data_collator = self.collator

    def remove(self) -> None:
        if self._trainer.data_collator is self.collator:
            self._trainer.data_collator = self._collator_before
        if self.collator.hidden_columns:
            self._trainer._signature_columns = self._signature_before

    @staticmethod
    def _wrap(collator: Any, typer: TokenTyper, config: TokenTypeMetricsConfig, route: Route) -> TokenTypeCollator:
        """A collator of the user's own stays theirs: ours is a copy that carries notes."""
        if isinstance(collator, TokenTypeCollator):
            return copy.copy(collator)
        made = TokenTypeCollator(collator, typer, config, route, PAYLOAD_KEY)
        made.types_in_notes = True  # loaders wait for the device at each tensor of a batch that they move there
        return made

    def _extend_signature(self) -> None:
        trainer = self._trainer
        if not getattr(trainer.args, "remove_unused_columns", False):
            return
        trainer._set_signature_columns_if_needed()
        known = list(trainer._signature_columns)
        wanted = [key for key in (*COLUMNS, self.collator.payload_key) if key not in known]
        trainer._signature_columns = known + wanted
        self.collator.hidden_columns = frozenset(wanted)
