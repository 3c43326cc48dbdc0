"""What every part of the product uses."""
