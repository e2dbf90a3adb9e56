"""Bucket against manifest, a slice at a time."""
