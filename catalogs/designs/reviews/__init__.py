"""Reviews: the acts of people about designs, the log of them, and the verdicts, stars and shortlists that result."""
