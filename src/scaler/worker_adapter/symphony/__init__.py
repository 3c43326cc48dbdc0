"""The adapter for IBM Spectrum Symphony: its tasks run in a service of Symphony instead of processors."""
