"""Every GET below a storage space."""
