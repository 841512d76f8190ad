"""Whether packed documents see each other."""

from typetally.isolation.check import check_isolation

__all__ = ["check_isolation"]
