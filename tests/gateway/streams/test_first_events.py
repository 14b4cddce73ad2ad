"""Many streams that begin at the same moment: each gets its first event and its end."""

from __future__ import annotations

from gateway.streams.house import MakeHouse

STREAMS = 200


def test_two_hundred_streams_opened_at_once_all_begin_and_complete(house: MakeHouse) -> None:
    shape = {"events": 25, "event_bytes": 200, "per_second": 50, "stamp": True}
    home = house({"rules": [{"stream": shape}], "journal": False}, workers=2)

    report = home.bench("--mode", "streams", "--streams", str(STREAMS), "--seconds", "15")

    counts = report["stream"]
    assert report["statuses"] == {"200": STREAMS}
    assert counts["started"] == counts["completed"] == STREAMS
    assert counts["events"] == STREAMS * 25
    assert counts["missing"] == counts["duplicated"] == counts["reordered"] == counts["foreign"] == 0
    assert report["first_event_us"]["count"] == STREAMS
    rows = home.ledger(STREAMS)
    assert {row["usage_source"] for row in rows} == {"reported"}
    assert {row["error"] for row in rows} == {None}
