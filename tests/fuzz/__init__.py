"""Whatever is sent, over Kafka or HTTP: nothing breaks, and every answer is one that was promised."""
