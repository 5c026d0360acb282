"""One file per chat service; the catalog finds them by their names, without a list."""
