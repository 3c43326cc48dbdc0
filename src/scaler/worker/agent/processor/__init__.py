"""The process that runs the functions of users."""
