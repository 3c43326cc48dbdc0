"""What a processor does before it gets its settings: it loads its code."""


def prepare() -> None:
    """Import everything that every processor uses."""
    import scaler.utility.logging.utility
    import scaler.worker.agent.processor.processor
    import scaler.worker.agent.processor.service  # noqa: F401
