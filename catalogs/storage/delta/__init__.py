"""Delta tables in a store: the library's calls, errors and places, the tables, and their log as files."""
