"""What every service shares: the entrance, the relay and what runs beside them."""
