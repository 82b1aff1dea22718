"""Signing in: tokens, sessions, and what is tried against them."""
