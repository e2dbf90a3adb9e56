"""An AWS on this machine: MiniStack, made to survive a crash.

`process.EmbeddedAws` starts and stops it, `deploy.deploy` brings a synthesised
CDK app onto it. The other modules run inside it (`__main__` composes them) and
mend, one idea each, where MiniStack differs from AWS in what this project
rests on.
"""
