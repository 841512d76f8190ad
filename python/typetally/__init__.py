"""Shows what a grounding vision-language model is learning: loss, accuracy and entropy by token type."""

from typetally._core import set_num_threads
from typetally.config import TokenTypeMetricsConfig
from typetally.grammar import Grammar, grammars
from typetally.meter import TokenTypeMeter
from typetally.reference import compute_token_types
from typetally.render import Rendered, render
from typetally.row_stats import RowStats, row_stats
from typetally.typer import Span, TokenTyper, TypedLabels, TypedPayload
from typetally.vocabulary import Vocabulary

__all__ = [
    "Grammar",
    "Rendered",
    "RowStats",
    "Span",
    "TokenTypeMeter",
    "TokenTypeMetricsConfig",
    "TokenTyper",
    "TypedLabels",
    "TypedPayload",
    "Vocabulary",
    "compute_token_types",
    "grammars",
    "render",
    "row_stats",
    "set_num_threads",
]
