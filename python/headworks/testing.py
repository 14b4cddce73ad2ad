"""For tests: an LLM provider that does what a script says, in this process.

    with Upstream([{"status": 429, "headers": {"retry-after": "7"}, "times": 2}]) as upstream:
        ...
        assert len(upstream.journal()) == 3

With pytest, the fixtures `headworks_upstream(script)` and `headworks_server(config)` make upstreams and
gateways, and stop them. `Bucket` and `cooldown_after_429` are two of the core's machines as they are, for
tests of what a limit admits and how long a 429 is waited for.

A script is a list of rules, or `{"rules": [...], "rate_limit": {"rpm": 40}}` (more than that: 429). The first
rule whose conditions hold answers; without one the route's usual answer is given:

* when: `method`, `path` (how it begins), `key`, `model`, `nth` (only that one), `every` (each tenth: 10),
  `times` (so often)
* what: `status`, `headers`, and `text` (what the model says), `json`, `body` or `raw`; `usage`
* how: `delay_ms`, `stream` (`events`, `per_second`, `first_event_ms`), `drip` (`bytes`, `every_ms`)
* how it ends: `fault` (`at` request, head, body or event; `do` close, reset, hang or end; `after`)

A script that does not hold is refused, with the names that are known; cpp/upstream/script.hpp says all.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from headworks import _core

__all__ = ["Bucket", "Entry", "Script", "Upstream", "cooldown_after_429"]

Script = Mapping[str, Any] | Sequence[Mapping[str, Any]]
"""The whole script, or only its rules."""


@dataclass(frozen=True)
class Entry:
    """One request as the upstream saw it. Times: `time.monotonic()`, in milliseconds.

    * `number`, `connection`: the how-manieth request, and on which connection it came
    * `at_ms`, `first_byte_ms`, `end_ms`, `peer_closed_ms`: when it came, was answered, ended, and when the
      gateway closed its side
    * `method`, `target`, `headers` (in their order), `key`: the request; `header(name)` finds one
    * `body`, `body_encoding` (text or base64), `body_bytes`: what it held; `json()` reads it
    * `rule`, `status`, `bytes`: which rule answered (None: none), with what
    * `end`: open, done, cut (by the script), client_closed or reset
    """

    number: int
    connection: int
    at_ms: float
    method: str
    target: str
    headers: list[tuple[str, str]]
    body: str
    body_encoding: str
    body_bytes: int
    key: str
    rule: int | None
    status: int
    bytes: int
    first_byte_ms: float | None
    end: str
    end_ms: float | None
    peer_closed_ms: float | None

    def header(self, name: str) -> str | None:
        """The first header of this name, whatever its case."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Upstream:
    """Serves from its construction to close(), on `port` of 127.0.0.1 (0: a free one). Thread-safe.

    Raises ConfigurationError for a script that does not hold, HeadworksError when the port is taken.
    """

    def __init__(self, script: Script = (), *, port: int = 0) -> None:
        from headworks import _core

        self._core: _core.Upstream = _core.Upstream(port, _text_of(script))

    @property
    def url(self) -> str:
        """`http://127.0.0.1:PORT`, without a path."""
        return self._core.url

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return self._core.port

    def set_script(self, script: Script) -> None:
        """Replaces the script; answers that are being given go on. Raises ConfigurationError."""
        self._core.set_script(_text_of(script))

    def journal(self) -> list[Entry]:
        """What came, oldest first."""
        return [
            Entry(**{**one, "headers": [(name, value) for name, value in one["headers"]]})
            for one in json.loads(self._core.journal())
        ]

    def clear_journal(self) -> None:
        """Forgets what came; the counts go on."""
        self._core.clear_journal()

    def stats(self) -> dict[str, Any]:
        """Counts: `requests`, `limited`, `by_key`, `by_path`, `open_connections`, `accepted_connections`."""
        counts: dict[str, Any] = json.loads(self._core.stats())
        return counts

    def close(self) -> None:
        """Closes listener and connections. May be called again; the journal can still be read."""
        self._core.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Bucket:
    """A backend's bucket: at most `limit` starts in any `window_seconds`.

    Time is what you say it is: `at`, in seconds from any beginning, never going back.
    """

    def __init__(self, limit: int, window_seconds: float = 60) -> None:
        from headworks import _core

        self._core = _core.Bucket(limit, window_seconds)

    def take(self, at: float) -> bool:
        """Takes one start; False when there is none left."""
        return self._core.take(at)

    def earliest(self, at: float) -> float:
        """The first moment, from `at` on, at which take() can succeed."""
        return self._core.earliest(at)

    def level(self, at: float) -> int:
        """Starts that are left."""
        return self._core.level(at)


def cooldown_after_429(
    consecutive: int,
    *,
    hint_seconds: float | None = None,
    base_seconds: float = 2,
    cap_seconds: float = 300,
    hint_cap_seconds: float = 600,
    jitter_percent: int = 10,
    seed: int = 1,
) -> float:
    """So many seconds a backend rests after the `consecutive`-th 429 in a row (1 is the first).

    With `hint_seconds`, what the upstream's retry-after said: exactly that, within `hint_cap_seconds`.
    Without: it doubles from `base_seconds` to `cap_seconds`, spread by `jitter_percent`. Same names as
    `settings.cooldown`.
    """
    from headworks import _core

    return _core.cooldown_after_429(
        consecutive, hint_seconds, base_seconds, cap_seconds, hint_cap_seconds, jitter_percent, seed
    )


def _text_of(script: Script) -> str:
    return json.dumps(script if isinstance(script, Mapping) else {"rules": list(script)})
