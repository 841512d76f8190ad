"""What training data teaches: tokens by type, answers that do not parse, coordinates that cannot be."""

from typetally.audit.auditor import Auditor, Options
from typetally.audit.report import Report

__all__ = ["Auditor", "Options", "Report"]
