"""The configuration document: a file, or a value, as the JSON text that the core validates and applies.

The validator is in C++ and answers JSON paths; here they get the file and the line. References (`${NAME}`,
`file:PATH`) go through as they are: the core resolves them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headworks._positions import READERS, Located, UnreadableError
from headworks.errors import ConfigurationError, Problem


@dataclass(frozen=True)
class Document:
    """A configuration that was read, not yet judged."""

    json_text: str
    located: Located
    origin: str = ""
    """The file's name, for messages; empty: it was no file."""

    def problems(self) -> list[Problem]:
        """Everything that is wrong with it, in document order."""
        from headworks import _core

        return [
            Problem(one["path"], one["message"], one["hint"], self.origin or None, self._line(one["path"]))
            for one in json.loads(_core.check_configuration(self.json_text))
        ]

    def resolved(self) -> dict[str, Any]:
        """The document with each key in the place of its reference, for a server that cannot look it up."""
        from headworks import _core

        folder = str(Path(self.origin).parent) if self.origin else ""
        document: dict[str, Any] = json.loads(self.json_text)
        for section, field in (("backends", "api_key"), ("client_keys", "key")):
            for row in document.get(section) or []:
                if isinstance(row.get(field), str):
                    row[field] = _core.resolve_key(row[field], folder)
        return document

    def expect_valid(self) -> None:
        """Raises ConfigurationError with all problems, if there is one."""
        if problems := self.problems():
            raise error_of(problems)

    def _line(self, path: str) -> int | None:
        return self.located.line_of(path) if self.origin else None


def read_document(source: str | os.PathLike[str] | Mapping[str, Any]) -> Document:
    """Reads a file by its extension (.yaml, .yml, .json, .toml), or takes a value as it is.

    Raises ConfigurationError for a file that cannot be read or is not of its format.
    """
    if isinstance(source, Mapping):
        return Document(json.dumps(source), Located(dict(source)))
    path = Path(source)
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        known = ", ".join(READERS)
        raise _unreadable(path, "has no extension that says its format", hint=f"one of: {known}")
    try:
        located = reader(path.read_text(encoding="utf-8"))
        text = json.dumps(located.value if located.value is not None else {}, allow_nan=False)
    except OSError as error:
        raise _unreadable(path, error.strerror or "cannot be read") from None
    except UnicodeDecodeError:
        raise _unreadable(path, "is not UTF-8 text") from None
    except UnreadableError as error:
        raise _unreadable(path, error.message, line=error.line, at=error.path) from None
    except ValueError:
        raise _unreadable(path, "holds a number that JSON has no form for") from None
    return Document(text, located, str(path))


def check_configuration(source: str | os.PathLike[str] | Mapping[str, Any]) -> list[Problem]:
    """Every problem of a configuration, in the order of the document; an empty list when it holds.

    `source`: a file's name (YAML, TOML, JSON by its extension) or the document itself. A file that cannot be
    read is a problem, too: nothing is raised.
    """
    try:
        return read_document(source).problems()
    except ConfigurationError as error:
        return list(error.problems)


def error_of(problems: list[Problem]) -> ConfigurationError:
    """All of it as one exception, one line each."""
    return ConfigurationError("\n".join(str(one) for one in problems), problems=problems)


def _unreadable(
    path: Path, message: str, *, line: int | None = None, at: str = "$", hint: str = ""
) -> ConfigurationError:
    return error_of([Problem(at, message, hint, str(path), line)])
