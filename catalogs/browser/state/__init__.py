"""The state of a server: designs and reviews in memory, results that pages turn in, and the log's one writer."""
