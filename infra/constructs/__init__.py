"""What stacks are made of: one idea a file."""
