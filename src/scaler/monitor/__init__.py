"""What a viewer of the monitor stream needs: a model of the cluster, and the connection that keeps it up to date."""
