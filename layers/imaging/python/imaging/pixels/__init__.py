"""Decodes, encodes and draws pixels, in worker processes that may die."""
