"""The object model inside a SQLite database file.

    import sqlite3, orm
    db = sqlite3.connect("blog.db")
    orm.load(db)
"""
import os
from typing import Any

__version__ = "@VERSION@"
__all__ = ["load", "loadable_path"]


def loadable_path() -> str:
    """The path of the extension, as load_extension() takes it."""
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), "orm")


def load(connection: Any) -> None:
    """Load the extension into a connection of the sqlite3 module, or of one
    with the same two methods."""
    connection.enable_load_extension(True)
    try:
        connection.load_extension(loadable_path())
    finally:
        connection.enable_load_extension(False)
