"""What tracker does, as sentences."""
