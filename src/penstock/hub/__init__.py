"""Models fetched by name from a hub, Hugging Face's or one that speaks as it does.

names.py      what a name means; suggested.py has the short ones
remote.py     what the hub is asked; listing.py which of its files is meant
pull.py       one model, from its name to its place in the store
download.py   the bytes, over as many connections as it takes; progress.py what is told meanwhile
part.py       the file while it is being written; disk.py what the disk says to that
hashing.py    its SHA-256, and that of a file which is there already
store.py      what is there; lock.py keeps two pulls of one file apart

The library of Hugging Face compares a file's size and not its SHA-256 (``http_get`` in its
``file_download.py``, read 2026-11-21), and needs an HTTP client of its own.
"""
