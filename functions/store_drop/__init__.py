"""The bulk drop."""
