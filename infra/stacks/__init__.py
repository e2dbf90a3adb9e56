"""One stack for each part that lives and dies on its own."""
