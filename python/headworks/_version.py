"""The version, from the installed package's metadata: CMakeLists.txt is the place that says it."""

from importlib.metadata import version

__version__ = version("headworks")
