"""Search, retrieve and history; never writes."""
