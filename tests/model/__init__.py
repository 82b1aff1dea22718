"""A state machine drives all four services in process; a dict model and a naive matcher say what must come out."""
