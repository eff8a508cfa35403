"""Single pictures by hand: one design, sweeps, reconstructions."""
