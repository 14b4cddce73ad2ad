"""Whether a value is what a type says: for answers of the admin API against headworks.rows."""

from __future__ import annotations

from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict


def differences(value: Any, kind: Any, path: str = "$") -> list[str]:
    """Every place where `value` is not of `kind`: keys too many or too few, values of another type."""
    return list(_differences(value, kind, path))


def _differences(value: Any, kind: Any, path: str) -> Iterator[str]:
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is Any:
        return
    if is_typeddict(kind):
        yield from _of_typed_dict(value, kind, path)
    elif origin in (Union, UnionType):
        if all(differences(value, one) for one in arguments):
            yield f"{path}: {value!r} is not of {kind}"
    elif origin is Literal:
        if value not in arguments:
            yield f"{path}: {value!r} is not one of {arguments}"
    elif origin in (list, dict):
        if not isinstance(value, origin):
            yield f"{path}: {value!r} is no {kind}"
            return
        for at, one in value.items() if origin is dict else enumerate(value):
            yield from _differences(one, arguments[-1], f"{path}[{at}]")
    else:
        wanted: Any = {float: (int, float), None: NoneType}.get(kind, kind)
        if not isinstance(value, wanted) or (isinstance(value, bool) and kind is not bool):
            yield f"{path}: {value!r} is no {kind}"


def _of_typed_dict(value: Any, kind: Any, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path}: {value!r} is no object"
        return
    fields = get_type_hints(kind, include_extras=True)
    for name in value.keys() - fields.keys():
        yield f"{path}.{name}: not in {kind.__name__}"
    for name, field in fields.items():
        optional = get_origin(field) is NotRequired
        if name not in value:
            if not optional and kind.__total__:
                yield f"{path}.{name}: missing, {kind.__name__} has it"
            continue
        yield from _differences(value[name], get_args(field)[0] if optional else field, f"{path}.{name}")
