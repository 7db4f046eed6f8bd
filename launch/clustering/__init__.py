"""What launch/test-cluster does."""
