"""What intake does, as sentences."""
