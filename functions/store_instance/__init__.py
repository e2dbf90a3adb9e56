"""STOW-RS."""
