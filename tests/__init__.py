"""Tests: sentences about behaviour, against real Kafka and real Postgres."""
