"""What ``monitoring.py`` runs beside a scheduler: simulated workers, a steady load, and a viewer of the web UI."""
