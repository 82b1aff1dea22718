"""What responder does, as sentences."""
