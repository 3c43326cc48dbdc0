"""Worker adapters: they start and stop groups of workers for whoever asks over HTTP, usually a scheduler."""
