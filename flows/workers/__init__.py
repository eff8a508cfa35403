"""Workers that make shards: this process, processes of this machine, or tasks of a Ray cluster; and their rounds."""
