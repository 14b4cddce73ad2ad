"""Each folder includes only what stands behind its name in the floor plan of cpp/CMakeLists.txt."""

from __future__ import annotations

import pytest

from support.source import CPP, files_in, floors, includes_of, reachable

PLAN = floors()


def test_the_plan_is_the_house_of_the_readme() -> None:
    rows = {row: sorted(one.name for one in PLAN.values() if one.row == row) for row in range(6)}

    assert rows == {
        0: ["base"],
        1: ["gauges", "json", "telemetry", "vault", "wire"],
        2: ["catalog", "dialect"],
        3: ["hooks", "net", "routing", "store"],
        4: ["admin", "gateway"],
        5: ["app"],
    }


def test_every_folder_of_cpp_is_a_floor() -> None:
    folders = {path.relative_to(CPP).parts[0] for path in files_in("cpp")}

    assert folders <= set(PLAN)


@pytest.mark.parametrize("name", PLAN)
def test_a_floor_stands_on_lower_rows_only(name: str) -> None:
    floor = PLAN[name]
    if floor.row >= 0:
        not_lower = [lower for lower in floor.depends if not 0 <= PLAN[lower].row < floor.row]
        assert not not_lower, f"{name} (row {floor.row}) depends on {not_lower}"


@pytest.mark.parametrize("name", PLAN)
def test_a_floor_includes_only_what_it_depends_on(name: str) -> None:
    allowed = reachable(name)

    # main.cpp is a front door of its own, above app/: the tools beside the house have their commands there.
    files = [one for one in files_in(f"cpp/{name}") if one.name != "main.cpp"]
    above = [one for one in includes_of(files) if one.folder in PLAN.keys() - allowed]

    assert not above, "\n".join(map(str, above))


@pytest.mark.parametrize("tool", ["upstream", "bench"])
def test_tools_stand_beside_the_house(tool: str) -> None:
    """A mistake of the gateway must meet no twin in what tests and measures it."""
    assert reachable(tool) == {tool, "base", "json"}
    users = [name for name in PLAN if name not in (tool, "simulation") and tool in reachable(name)]
    assert not users


def test_the_simulation_knows_the_machines_and_nobody_knows_it() -> None:
    """It joins the routing machines with models of upstreams; the house runs without it."""
    assert PLAN["simulation"].depends == ("routing", "upstream")
    assert not [name for name in PLAN if name != "simulation" and "simulation" in reachable(name)]


def test_headers_of_ours_are_named_from_cpp() -> None:
    """`"floor/file.hpp"`, so that an include says which floor it stands on."""
    relative = [
        one for one in includes_of(files_in("cpp")) if one.name.endswith(".hpp") and one.name.startswith(".")
    ]
    missing = [
        one for one in includes_of(files_in("cpp")) if one.folder in PLAN and not (CPP / one.name).is_file()
    ]

    assert not relative + missing, "\n".join(map(str, relative + missing))


@pytest.mark.parametrize("name", PLAN)
def test_tests_of_a_floor_include_only_what_the_floor_may(name: str) -> None:
    allowed = reachable(name)

    above = [one for one in includes_of(files_in(f"tests/cpp/{name}")) if one.folder in PLAN.keys() - allowed]

    assert not above, "\n".join(map(str, above))
