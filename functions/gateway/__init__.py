"""The gateway: STOW-RS and WADO-RS with bodies of any size, a process of its own."""
