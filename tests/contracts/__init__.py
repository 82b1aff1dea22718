"""What the code promises about itself: contracts, boundaries between services, and topics."""
