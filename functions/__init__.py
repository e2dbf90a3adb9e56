"""One folder is one process: it translates, calls once, and translates back."""
