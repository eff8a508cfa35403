"""Files that leave the catalog: spreadsheets, folders of pictures, line sheets and packs that open offline."""
