"""Distribution to one binding's target, by a function."""
