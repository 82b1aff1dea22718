"""The whole system: four processes, real Kafka, real Postgres."""
