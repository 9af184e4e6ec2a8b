"""python -m orm: the path of the extension, for a command line."""
from . import loadable_path

print(loadable_path())
