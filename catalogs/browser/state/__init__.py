"""What a server holds of reviews: their state, results that pages are turned in, and the log's one writer."""
