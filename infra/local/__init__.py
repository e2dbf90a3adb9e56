"""`make run`: the stacks of this app on an embedded AWS, and beside it what Fargate would run."""
