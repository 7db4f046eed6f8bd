"""What launch/torture does."""
