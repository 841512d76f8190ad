"""Sums of loss, accuracy and entropy by type, from whatever a batch's forward made."""
