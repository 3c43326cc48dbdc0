"""The web UI: a view model of the cluster without browser and sockets, and thin pages over it."""
