"""DELETE of what lies below a space."""
