"""The pages: one file for each tab, and what they have in common."""
