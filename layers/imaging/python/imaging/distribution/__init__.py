"""What goes out to whom: bindings, their filters, and what they have delivered."""
