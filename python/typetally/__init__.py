"""Shows what a grounding vision-language model is learning: loss, accuracy and entropy by token type."""

from typetally._core import set_num_threads
from typetally.config import TokenTypeMetricsConfig
from typetally.grammar import Grammar, grammars
from typetally.meter import TokenTypeMeter
from typetally.reference import compute_token_types
from typetally.render import Rendered, render
from typetally.row_stats import RowStats, row_stats
from typetally.vocabulary import Vocabulary

__all__ = [
    "Grammar",
    "Rendered",
    "RowStats",
    "TokenTypeMeter",
    "TokenTypeMetricsConfig",
    "Vocabulary",
    "compute_token_types",
    "grammars",
    "render",
    "row_stats",
    "set_num_threads",
]
