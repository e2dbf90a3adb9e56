"""What we mean by an instance, a study, a revision, an event; standard library only."""
