"""What ``scaler_top`` shows in a terminal, and how."""
