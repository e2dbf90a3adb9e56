"""What the stages need of the world, as small Protocols; `imaging.aws` answers them."""
