"""How fast the system stores and reads, beside what bare AWS calls take for the same bytes: `make bench`."""
