"""Where bindings lead, one file a kind of target."""
