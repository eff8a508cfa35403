"""Files of tables as lines of text: CSV, workbooks, Parquet, in bounded memory."""
