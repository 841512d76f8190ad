"""What training data teaches: tokens by type, answers that do not parse, coordinates that cannot be."""

from typetally.audit.auditor import Auditor, Counts, Options, report_of
from typetally.audit.report import Report

__all__ = ["Auditor", "Counts", "Options", "Report", "report_of"]
