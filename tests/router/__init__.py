"""What router does, as sentences."""
