"""Single pictures, without catalogs: one picture in one style, sweeps over recipe fields, and reconstructions."""
