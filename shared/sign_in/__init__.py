"""Sign-in: who somebody is, for which organisations, in which role, and what they may therefore do."""
