"""Who paints shards: this process, processes of this machine, tasks of a Ray cluster."""
