"""The chaos run: an independent driver, a seeded nemesis, and a checker of what must hold (`python -m tests.chaos`)."""
