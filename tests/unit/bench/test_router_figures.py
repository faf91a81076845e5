"""The reckoning of the router's benchmark: what repeated measurements become."""

import json
import math
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench.router.figures import OURS, Goal, Row, markdown, ratios, shown, table
from bench.router.gateways import Gateway
from bench.router.machine import Cores, Process, cpu_seconds, family, resident_mib
from bench.router.paced import percentile, spread, whole
from bench.router.plot import plot
from bench.router.report import Report, keep, publish
from bench.router.requests import chat, request, script

_MARKS = "# Page\n\n<!-- figures: made by `make bench-router KEEP=1` -->\nold\n<!-- end of figures -->\nafter\n"


_NAMES = {"bare": "bare ASGI", "litellm": "LiteLLM proxy", "nothing": "no gateway"}


def _row(name: str = "plain, 32 at a time", better: str = "higher", **samples: list[float]) -> Row:
    row = Row(name, "requests/s", "lower" if better == "lower" else "higher")
    for gateway, values in samples.items():
        for value in values:
            row.add(_NAMES.get(gateway, gateway), value)
    return row


def test_the_middle_of_repetitions_is_their_median_and_passes_over_what_is_no_number() -> None:
    """One slow repetition does not move it."""
    row = _row(slipway=[100.0, 5.0, 110.0], nginx=[math.nan, 7.0], other=[math.nan])
    assert row.middle(OURS) == 100.0
    assert row.middle("nginx") == 7.0
    assert row.middle("other") is row.middle("nobody") is None
    assert row.spread(OURS) == pytest.approx(1.05)


def test_a_ratio_above_one_means_that_ours_is_better_whatever_is_better() -> None:
    """More requests, or fewer milliseconds."""
    assert _row(slipway=[200.0], peer=[50.0]).ratio("peer") == 4.0
    assert _row(better="lower", slipway=[2.0], peer=[50.0]).ratio("peer") == 25.0
    assert _row(slipway=[200.0]).ratio("peer") is None
    assert _row(slipway=[200.0], peer=[0.0]).ratio("peer") is None


def test_the_tables_say_what_failed_what_is_absent_and_what_was_not_measured() -> None:
    """Nothing is hidden in a number."""
    row = _row(slipway=[5000.0, 5200.0, 5100.0], nginx=[60000.0])
    row.add("nginx", 60000.0, errors=3)
    row.absent["Portkey"] = "does not stream"
    gateways = [OURS, "nginx", "Portkey", "bare ASGI"]
    assert table([row], gateways)[1] == ("plain, 32 at a time, requests/s", "5,100", "60,000 (3 failed)", "does not stream", "-")
    assert ratios([row], gateways)[1] == ("plain, 32 at a time", "0.085 times", "-", "-")
    assert markdown([("", "a"), ("x", "1")]) == "|  | a |\n| --- | ---: |\n| x | 1 |\n"


@pytest.mark.parametrize(
    ("value", "text"), [(None, "-"), (math.nan, "-"), (math.inf, "∞"), (0.01234, "0.0123"), (58_285.0, "58,300"), (12.0, "12")]
)
def test_numbers_are_shown_with_three_digits(value: float | None, text: str) -> None:
    """More would pretend to be exact."""
    assert shown(value) == text


def test_a_goal_is_met_from_its_side_and_never_by_what_was_not_measured() -> None:
    """At least, at most, and nothing."""
    assert Goal("rate", 5000, 5000.0).met
    assert not Goal("rate", 5000, 4999.0).met
    assert Goal("latency", 0.4, 0.4, at_least=False).met
    assert not Goal("latency", 0.4, math.nan, at_least=False).met
    assert not Goal("latency", 0.4, None, at_least=False).met
    assert Goal("latency", 0.4, None, "ms", at_least=False).cells() == ("latency", "≤ 0.4 ms", "not measured", "**missed**")


def _report() -> Report:
    rows = [
        _row(slipway=[6000.0], bare=[8000.0], litellm=[75.0], nothing=[60_000.0]),
        _row("1 model, 1 token: processor", "lower", slipway=[100.0]),
        _row("200 models, 10,000 tokens: processor", "lower", slipway=[105.0]),
        _row("memory at the beginning", "lower", slipway=[90.0]),
        _row("memory after 500,000 requests", "lower", slipway=[100.0]),
        _row("memory after 1,000,000 requests", "lower", slipway=[101.0]),
        _row("from a commit to the moved traffic", "lower", slipway=[300.0, 900.0]),
    ]
    return Report({"cores": 2, "load": "a|b"}, rows, ["no gateway", OURS, "bare ASGI", "LiteLLM proxy"], {"Portkey": "no node"})


def test_goals_are_reckoned_from_the_rows() -> None:
    """Against the peers of the same run, and the worst where every sample counts."""
    goals = {goal.name: goal for goal in _report().goals()}
    assert goals["plain requests, compared with the LiteLLM proxy"].value == 80.0
    assert goals["plain requests, compared with bare ASGI"].value == 0.75
    assert goals["10,000 tokens and 200 models, processor"].value == pytest.approx(1.05)
    assert goals["memory"].value == 101.0
    assert goals["memory, growth over the second half of the requests"].value == pytest.approx(1.01)
    assert goals["from a commit to the moved traffic"].value == 900.0
    assert not goals["plain requests, compared with Portkey"].met


def test_a_report_is_kept_as_json_and_published_between_its_marks(tmp_path: Path) -> None:
    """What people wrote around the figures stays, and running it again changes nothing."""
    report = _report()
    (tmp_path / "router.md").write_text(_MARKS)
    publish(report, tmp_path)
    once = (tmp_path / "router.md").read_text()
    publish(report, tmp_path)
    assert (tmp_path / "router.md").read_text() == once
    assert once.startswith("# Page\n")
    assert once.endswith("-->\nafter\n")
    assert "old" not in once
    assert "Not run here: Portkey (no node)." in once
    assert "a/b" in once
    document = json.loads(keep(report, tmp_path / "kept.json").read_text())
    assert document["rows"][0]["gateways"][OURS] == {"median": 6000.0, "samples": [6000.0], "errors": 0}


def test_the_plot_is_well_formed_and_shows_who_has_a_figure() -> None:
    """A longer bar for more."""
    tree = ElementTree.fromstring(plot([_row(slipway=[6000.0], nginx=[60000.0])], [OURS, "nginx", "<absent>"]))
    bars = [float(each.attrib["width"]) for each in tree.iter("{http://www.w3.org/2000/svg}rect")]
    assert len(bars) == 2
    assert bars[0] < bars[1]


def test_the_generator_knows_a_whole_answer_and_a_percentile() -> None:
    """By the length that the head says, or by the last chunk."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"
    assert [whole(head + body) for body in (b"", b"ab", b"abc")] == [False, False, True]
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert [whole(chunked + body) for body in (b"1\r\na\r\n", b"1\r\na\r\n0\r\n\r\n")] == [False, True]
    assert [percentile([3.0, 1.0, 2.0, 4.0], share) for share in (0.5, 0.99, 0.01)] == [2.0, 4.0, 1.0]
    assert math.isnan(percentile([], 0.5))
    assert spread([0.001])["p99"] == 1.0


@pytest.mark.parametrize("size", [600, 4_096, 204_800])
def test_a_chat_is_of_the_size_that_was_asked_for(size: int) -> None:
    """Rows of prompts of 4 KB are of prompts of 4 KB."""
    body = chat("bench", size, {"max_tokens": 100, "seed": 0})
    assert len(body) == size
    assert json.loads(body)["stream"] is True
    whole_request = request(1, "/v1/chat/completions", body, {"Authorization": "Bearer x"})
    assert whole_request.endswith(body)
    assert b"Content-Length: %d\r\n" % size in whole_request


def test_the_script_sends_each_pair_of_token_and_model(tmp_path: Path) -> None:
    """As lines that it reads, so that ten thousand are no matter."""
    written = script(tmp_path, "/v1/chat/completions", chat("MODEL", 600), {"x-a": "b"}, [("t1", "m1"), ("", "m2")])
    assert (tmp_path / "pairs").read_text() == "t1 m1\n- m2\n"
    assert '["x-a"] = "b"' in written.read_text()
    assert (tmp_path / "body").read_bytes().count(b"MODEL") == 1


def test_a_process_is_reckoned_with_all_that_it_starts() -> None:
    """Time and memory of a gateway are those of its workers too."""
    with Process(["sh", "-c", "sleep 60 & wait"], {"PATH": "/usr/bin:/bin"}) as process:
        while len(family(process.pid)) < 2 and process.ended() is None:
            pass
        assert len(family(process.pid)) == 2
        assert cpu_seconds(process.pid) >= 0.0
        assert resident_mib(process.pid) > 0.1
    assert process.ended() is not None


def test_the_gateway_has_a_core_of_its_own_where_there_are_two() -> None:
    """And what is around it has the others."""
    assert Cores(1, (0,)).pinned(["x"], gateway=True) == ["taskset", "-c", "1", "x"]
    assert Cores(3, (0, 1, 2)).pinned(["x"], gateway=False) == ["taskset", "-c", "0,1,2", "x"]
    assert Cores(None, None).pinned(["x"], gateway=True) == ["x"]
    with Process(["true"], {"PATH": "/usr/bin:/bin"}) as process:
        asked = Gateway("ours", 80, process, tokens=("slp_a",)).request()
    assert b"Authorization: Bearer slp_a\r\n" in asked
