"""Typed tokens for people to read: pages and terminals."""
