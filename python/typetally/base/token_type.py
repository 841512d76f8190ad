"""The values of `token_types` tensors, as in typetally/base/token_type.h."""

TYPE_NAMES = {1: "desc", 2: "coord", 3: "format", -1: "ignore"}
IGNORE = -1
IGNORE_INDEX = -100
"""The label of a token that is not supervised."""
