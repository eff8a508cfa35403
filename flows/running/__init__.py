"""A plan carried out: shards over workers, tried again where that helps, and the report; without Prefect."""
