"""Provider keys in the memory of the process: how many copies there are, and what could carry them away."""

from __future__ import annotations

import contextlib
import os
import re
import resource
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from headworks.testing import Upstream
from support.asking import KEY, ask, backend, config
from support.gateway import Gateway
from support.until import until

MakeUpstream = Callable[..., Upstream]
MakeGateway = Callable[..., Gateway]

CANARY = "sk-canary-" + "".join(f"{byte:02x}" for byte in b"\xd3\x1f\x88\xa4\x5b\x90\xee\x07")
OTHER = CANARY[::-1]
MOST = 3


def copies(house: Gateway, secret: str) -> int:
    """How often it stands in the writable memory of the process. Skips where that may not be read."""
    wanted, count = secret.encode(), 0
    maps = Path(f"/proc/{house.pid}/maps").read_text()
    try:
        memory = open(f"/proc/{house.pid}/mem", "rb", buffering=0)  # noqa: SIM115, PTH123
    except PermissionError:
        pytest.skip("the memory of processes may not be read here")
    with memory:
        for begin, end in re.findall(r"^([0-9a-f]+)-([0-9a-f]+) rw", maps, re.MULTILINE):
            with contextlib.suppress(OSError, ValueError):
                memory.seek(int(begin, 16))
                count += memory.read(int(end, 16) - int(begin, 16)).count(wanted)
    return count


def ask_often(house: Gateway, count: int) -> None:
    with ThreadPoolExecutor(4) as pool:
        statuses = set(pool.map(lambda number: ask(house, stream=number % 2 == 1).status, range(count)))
    assert statuses == {200}


def expect_few(house: Gateway, most: int = MOST) -> None:
    """Once it is idle; what was sent lies in no buffer any more."""
    until(lambda: copies(house, CANARY) <= most, what=f"at most {most} copies; now {copies(house, CANARY)}")


def by_api(upstream: Upstream, gateway: MakeGateway, folder: Path) -> Gateway:
    house = gateway(config(), key=KEY)
    with house.admin() as admin:
        admin.create_backend(**backend("first", upstream) | {"api_key": CANARY})
    return house


def by_document(upstream: Upstream, gateway: MakeGateway, folder: Path) -> Gateway:
    return gateway(config(backend("first", upstream) | {"api_key": CANARY}), key=KEY)


def by_file(upstream: Upstream, gateway: MakeGateway, folder: Path) -> Gateway:
    (folder / "key").write_text(CANARY + "\n")
    return gateway(config(backend("first", upstream) | {"api_key": f"file:{folder / 'key'}"}), key=KEY)


def from_disk(upstream: Upstream, gateway: MakeGateway, folder: Path) -> Gateway:
    first = by_document(upstream, gateway, folder)
    assert first.stop() == 0
    return gateway(None, data_dir=first.data_dir, key=KEY)


@pytest.mark.rows("S-12")
@pytest.mark.costs
@pytest.mark.parametrize("source", [by_api, by_document, by_file, from_disk])
def test_an_idle_process_holds_few_copies(
    upstream: MakeUpstream,
    gateway: MakeGateway,
    tmp_path: Path,
    record_property: Callable[[str, Any], None],
    source: Callable[[Upstream, MakeGateway, Path], Gateway],
) -> None:
    """However the key came in, after a thousand requests."""
    house = source(upstream({"journal": False}), gateway, tmp_path)
    ask_often(house, 1000)

    expect_few(house)
    record_property("S-12", f"{source.__name__}: {copies(house, CANARY)} copies")


@pytest.mark.rows("S-12")
@pytest.mark.costs
def test_a_key_in_the_environment_stands_there_once_more(
    upstream: MakeUpstream, gateway: MakeGateway
) -> None:
    """The copy that the system made for the process at its start cannot be taken back: prefer file:PATH."""
    document = config(backend("first", upstream()) | {"api_key": "${CANARY}"})
    house = gateway(document, key=KEY, environment={"CANARY": CANARY})
    ask_often(house, 100)

    expect_few(house, MOST + 1)


@pytest.mark.rows("S-12")
@pytest.mark.costs
def test_a_key_that_was_replaced_is_gone(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    house = by_api(upstream(), gateway, Path())
    ask_often(house, 50)
    with house.admin() as admin:
        admin.change_backend("first", api_key=OTHER)
    ask_often(house, 50)

    expect_few(house, 0)
    assert copies(house, OTHER) <= MOST


@pytest.mark.costs
def test_keys_are_in_memory_that_is_neither_swapped_nor_dumped(
    upstream: MakeUpstream, gateway: MakeGateway
) -> None:
    """Every copy of an idle process lies in pages that are locked (lo) and left out of dumps (dd)."""
    house = by_document(upstream(), gateway, Path())
    expect_few(house)
    regions = re.split(r"(?m)^(?=[0-9a-f]+-[0-9a-f]+ )", Path(f"/proc/{house.pid}/smaps").read_text())
    flags = {one.partition(" ")[0]: set(one.partition("VmFlags:")[2].split()) for one in regions if one}
    with open(f"/proc/{house.pid}/mem", "rb", buffering=0) as memory:  # noqa: PTH123
        for span, its in flags.items():
            if not {"rd", "wr"} <= its:
                continue
            begin, end = (int(one, 16) for one in span.split("-"))
            with contextlib.suppress(OSError, ValueError):
                memory.seek(begin)
                if CANARY.encode() in memory.read(end - begin):
                    assert {"lo", "dd"} <= its, span


def test_nobody_may_look_into_it(gateway: MakeGateway) -> None:
    """No core file, and for other processes of the same user its memory is closed (PR_SET_DUMPABLE 0)."""
    house = gateway()

    assert resource.prlimit(house.pid, resource.RLIMIT_CORE) == (0, 0)
    assert os.stat(f"/proc/{house.pid}/environ").st_uid == 0  # noqa: PTH116
