"""A grounding model small enough to train on two CPU cores in about a minute: pictures, vocabulary, model, report."""
