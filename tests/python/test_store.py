"""The seed's nine operations from Python: the class, and the sidecar's functions."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

from headworks import Backend, ModelMapping, Store, backend_store, errors

KEY = "sk-canary-0123456789-never-on-disk"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "headworks.db") as opened:
        yield opened


def backend(name: str = "one", **fields: object) -> Backend:
    return Backend(name=name, api_base_url="https://one.example/v1", **fields)  # type: ignore[arg-type]


def test_create_fills_in_id_and_times(store: Store) -> None:
    made = store.create_backend(backend(api_key_plain=KEY))

    assert made.id.startswith("bkd")
    assert made.created_at == made.updated_at != ""
    assert made.created_at.endswith("Z")
    assert made.api_key_hint == f"****{KEY[-4:]}"


def test_every_column_comes_back(store: Store) -> None:
    mappings = {
        "llama": ModelMapping("meta/llama"),
        "qwen-*": ModelMapping("qwen/*", context_tokens=32_000, extra={"note": "large"}),
    }
    made = store.create_backend(
        backend(
            label="One",
            api="anthropic",
            timeout_seconds=12.5,
            rpm_limit=40,
            tpm_limit=1000,
            max_in_flight=3,
            weight=2,
            pool="fallback",
            enabled=False,
            model_mappings=mappings,
            source="import",
            metadata={"owner": "team-a", "n": [1, None]},
        )
    )

    assert store.get_backend(made.id) == made
    assert made.model_mappings == mappings
    assert made.metadata == {"owner": "team-a", "n": [1, None]}


def test_the_clear_key_comes_only_when_asked_for(store: Store) -> None:
    made = store.create_backend(backend(api_key_plain=KEY))

    assert [
        getattr(store.get_backend(made.id), "api_key_plain", ""),
        getattr(store.get_backend(made.id, decrypt_key=False), "api_key_plain", ""),
        store.list_backends()[0].api_key_plain,
        store.list_backends(decrypt_key=True)[0].api_key_plain,
    ] == [KEY, None, None, KEY]


def test_nothing_prints_the_clear_key(store: Store) -> None:
    assert KEY not in repr(store.create_backend(backend(api_key_plain=KEY)))


def test_lists_are_by_pool_then_oldest_first(store: Store) -> None:
    for name, pool in [("c", "primary"), ("a", "primary"), ("b", "fallback")]:
        store.create_backend(backend(name, pool=pool, enabled=name != "a"))

    assert [one.name for one in store.list_backends()] == ["b", "c", "a"]
    assert [one.name for one in store.list_backends("primary")] == ["c", "a"]
    assert [one.name for one in store.list_backends("primary", enabled_only=True)] == ["c"]


def test_update_changes_only_what_is_named(store: Store) -> None:
    made = store.create_backend(backend(api_key_plain=KEY))

    updated = store.update_backend(
        made.id, {"label": "new", "rpm_limit": 7, "id": "bkd_other", "nonsense": 1, "api_key_plain": ""}
    )

    assert updated is not None
    assert (updated.id, updated.label, updated.rpm_limit, updated.name) == (made.id, "new", 7, "one")
    assert updated.api_key_plain is None
    assert getattr(store.get_backend(made.id), "api_key_plain", "") == KEY
    assert store.update_backend("bkd_absent", {"label": "x"}) is None


def test_update_takes_mappings_as_objects_dicts_and_names(store: Store) -> None:
    made = store.create_backend(backend())

    updated = store.update_backend(
        made.id, {"model_mappings": {"a": ModelMapping("x"), "b": {"model": "y"}, "c": "z"}}
    )

    assert updated is not None
    assert {name: one.model for name, one in updated.model_mappings.items()} == {"a": "x", "b": "y", "c": "z"}


def test_status_and_cooldown_say_whether_a_row_changed(store: Store) -> None:
    made = store.create_backend(backend())

    assert store.set_backend_cooldown(made.id, "2099-01-01T00:00:00Z", 3)
    cooling = store.get_backend(made.id)
    assert cooling is not None
    assert (cooling.status, cooling.cooldown_until, cooling.consecutive_429_count) == (
        "cooling",
        "2099-01-01T00:00:00Z",
        3,
    )
    assert store.clear_backend_cooldown(made.id)
    cleared = store.get_backend(made.id)
    assert cleared is not None
    assert (cleared.status, cleared.cooldown_until, cleared.consecutive_429_count) == ("healthy", None, 0)
    assert store.set_backend_status(made.id, "error")
    assert not store.set_backend_status("bkd_absent", "error")
    assert not store.set_backend_cooldown("bkd_absent", "2099-01-01T00:00:00Z", 1)
    assert not store.clear_backend_cooldown("bkd_absent")


def test_pool_statistics(store: Store) -> None:
    store.create_backend(backend("a"))
    store.create_backend(backend("b", enabled=False, status="error"))
    cooling = store.create_backend(backend("c", pool="fallback"))
    store.set_backend_cooldown(cooling.id, "2099-01-01T00:00:00Z", 1)

    stats = store.get_pool_stats()

    assert stats["primary"] == {"total": 2, "enabled": 1, "healthy": 1, "cooling": 0, "error": 1}
    assert stats["fallback"] == {"total": 1, "enabled": 1, "healthy": 0, "cooling": 1, "error": 0}


def test_delete(store: Store) -> None:
    made = store.create_backend(backend())

    assert store.delete_backend(made.id)
    assert not store.delete_backend(made.id)
    assert store.get_backend(made.id) is None


def test_another_master_key_leaves_the_row_readable(tmp_path: Path) -> None:
    with Store(tmp_path / "headworks.db") as store:
        made = store.create_backend(backend(api_key_plain=KEY))
    (tmp_path / "master.key").unlink()
    with Store(tmp_path / "other.db"):  # makes a new key file
        pass

    with Store(tmp_path / "headworks.db") as store:
        row = store.get_backend(made.id)
        assert not store.master_key_fits

    assert row is not None
    assert (row.name, row.api_key_plain, row.key_state) == ("one", None, "unreadable")


def test_the_clear_key_is_in_no_file(tmp_path: Path) -> None:
    with Store(tmp_path / "headworks.db") as store:
        store.create_backend(backend(api_key_plain=KEY))
        found = [path.name for path in tmp_path.iterdir() if KEY.encode() in path.read_bytes()]

    assert not found


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"name": 3}, errors.ConfigurationError),
        ({"api_base_url": "htp:/x"}, errors.ConfigurationError),
        ({"api": "morse"}, errors.ConfigurationError),
        ({"status": "fine"}, errors.ConfigurationError),
    ],
)
def test_what_does_not_hold_is_a_typed_error(
    store: Store, wrong: dict[str, object], error: type[Exception]
) -> None:
    row = backend()
    for name, value in wrong.items():
        setattr(row, name, value)

    with pytest.raises(error, match=next(iter(wrong))):
        store.create_backend(row)


def test_a_name_that_is_taken_is_a_conflict(store: Store) -> None:
    store.create_backend(backend())

    with pytest.raises(errors.ConflictError):
        store.create_backend(backend())


def test_a_closed_store_says_so(store: Store) -> None:
    store.close()
    store.close()

    with pytest.raises(ValueError, match="closed"):
        store.list_backends()


def test_the_functions_have_the_sidecars_names_parameters_and_defaults() -> None:
    expected = {
        "create_backend": "(backend)",
        "get_backend": "(backend_id, decrypt_key=True)",
        "list_backends": "(pool=None, enabled_only=False, decrypt_key=False)",
        "update_backend": "(backend_id, updates)",
        "delete_backend": "(backend_id)",
        "set_backend_status": "(backend_id, status)",
        "set_backend_cooldown": "(backend_id, cooldown_until, count)",
        "clear_backend_cooldown": "(backend_id)",
        "get_pool_stats": "()",
    }

    for name, signature in expected.items():
        parameters = inspect.signature(getattr(backend_store, name)).parameters.values()
        plain = [one.replace(annotation=inspect.Parameter.empty) for one in parameters]
        assert str(inspect.Signature(plain)) == signature, name


def test_the_functions_work_on_the_data_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADWORKS_DATA_DIR", str(tmp_path / "data"))
    backend_store.use(None)

    made = backend_store.create_backend(backend(api_key_plain=KEY))
    assert backend_store.get_backend(made.id) == made
    assert (tmp_path / "data" / "headworks.db").is_file()
    assert backend_store.delete_backend(made.id)
    backend_store.use(None)
