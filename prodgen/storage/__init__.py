"""Whole objects by path or URL: a folder, or a bucket of an object store, behind one small interface.

An object is read whole and written whole or not at all; nothing is streamed, appended or half there. It knows
bytes and names, not pictures.
"""

from prodgen.storage.fetched_files import FetchedFiles
from prodgen.storage.store import Store, Stored
from prodgen.storage.store_addresses import file_path, is_url, open_store, split_object, state_folder

__all__ = [
    "FetchedFiles",
    "Store",
    "Stored",
    "file_path",
    "is_url",
    "open_store",
    "split_object",
    "state_folder",
]
