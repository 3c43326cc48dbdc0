"""Small binary records that travel with tasks and results."""
