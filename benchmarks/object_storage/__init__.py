"""Our object storage server and its connector against Redis and redis-py."""
