"""Changes that break a guarantee on purpose, and the tests that must notice."""
