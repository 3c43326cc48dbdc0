"""Values that configuration is made of."""
