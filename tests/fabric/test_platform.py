"""A model's whole life through every context, and the same life again from the same seed."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from scripts.template import ROOT
from tests.evidence import counted
from tests.fabric.platform import ADMIN, PROVIDER, Fabric

_UPDATE: dict[str, Any] = {"engine": {"kind": "llama.cpp", "arguments": {"context_length": 4096}}}


def _live(fabric: Fabric, model_id: str = "m1") -> list[str]:
    """Create, update, stop, start, delete; the status after each."""
    path = f"/models/{model_id}"
    seen = []

    def ask(function: str, method: str, where: str, **more: Any) -> None:
        status, body, _ = fabric.http(function, method, where, **more)
        assert status == 202, body
        fabric.run()
        seen.append(str(fabric.model(model_id)["status"]))
        assert fabric.operation(body["operation_id"])["status"] == "Succeeded"

    ask("create_model", "POST", "/models", body=fabric.wish(model_id))
    _, asked, _ = fabric.http("update_model", "PATCH", path, body=_UPDATE)
    ask("update_model", "PATCH", path, body=_UPDATE | {"acknowledge": asked["acknowledge"]})
    ask("stop_model", "POST", f"{path}/stop")
    ask("start_model", "POST", f"{path}/start")
    ask("delete_model", "DELETE", path)
    fabric.settle()
    return seen


def _digest(fabric: Fabric) -> str:
    """Of the trace and of every row."""
    told = "\n".join(fabric.log) + "".join(str(fabric.images(table)) for table in fabric.topology.tables)
    return hashlib.sha256(told.encode()).hexdigest()


def digest_of_a_life(seed: int) -> str:
    """What a process of its own prints."""
    with Fabric(seed) as fabric:
        _live(fabric)
        return _digest(fabric)


def test_a_hosted_model_lives_and_dies_through_every_context() -> None:
    """Five commands, each carried out by stream, bus, queues, machines, ECS and router; in the end nothing is left but the record of it."""
    with Fabric(seed=1) as fabric:
        assert _live(fabric) == ["InService", "InService", "Stopped", "InService", "Deleting"]
        assert fabric.model("m1")["deleted"]
        assert fabric.ecs.left() == []
        assert fabric.route("m1") is None
        assert fabric.dead_letters() == {}
        assert not [key for key in fabric.rows("serving") if key[0].startswith("OUTBOX#")]
        (rule,) = [rule for rule in fabric.topology.rules if rule.name == "UsageOnFactAnnouncedFunctionOfServing"]
        audited = {sk for _, sk in fabric.rows("usage")}
        due = {fact["metadata"]["id"] for fact in fabric.ledger("serving") if fact["event_type"] in rule.pattern["detail-type"]}
        assert due
        assert due <= audited
        contexts = {fabric.topology.functions[name].context for name in fabric.functions.runs}
        assert contexts == {"serving", "routing", "registry", "usage", "access"}
        counted("function_runs_in_the_fabric", sum(fabric.functions.runs.values()))


def test_a_third_partys_model_comes_and_goes() -> None:
    """Nothing is bought: the router's one answer opens the route."""
    with Fabric(seed=2) as fabric:
        assert fabric.http("create_model", "POST", "/models", body=PROVIDER)[0] == 202
        fabric.run()
        assert fabric.model("claude")["status"] == "InService"
        assert fabric.router.request("claude") == "open"
        assert fabric.http("delete_model", "DELETE", "/models/claude")[0] == 202
        fabric.settle()
        assert fabric.route("claude") is None


def test_a_token_is_recognised_by_the_real_authorizer_until_it_is_revoked() -> None:
    """Issue, use, revoke: the third request with it finds the door closed."""
    with Fabric(seed=3) as fabric:
        wanted = {"name": "mine", "groups": ["research"], "scopes": ["models:read"]}
        status, token, _ = fabric.http("issue_token", "POST", "/tokens", caller=ADMIN, body=wanted)
        assert status == 201, token
        assert fabric.http("list_models", "GET", "/models", token=token["token"])[0] == 200
        assert fabric.http("list_models", "GET", "/models", token="slw_nobody")[0] == 403
        assert fabric.http("revoke_token", "DELETE", f"/tokens/{token['token_id']}", caller=ADMIN)[0] in {200, 204}
        assert fabric.http("list_models", "GET", "/models", token=token["token"])[0] == 403


def test_the_same_seed_gives_the_same_life_to_the_byte() -> None:
    """Trace and rows are alike in this process and in a new one whose hashes are salted in another way; another seed's are not."""
    here = digest_of_a_life(7)
    assert here == digest_of_a_life(7)
    assert here != digest_of_a_life(8)
    code = "from tests.fabric.test_platform import digest_of_a_life; print(digest_of_a_life(7))"
    places = [
        str(ROOT),
        *(str(ROOT / "layers" / name) for name in ("kit", "contracts", "serving", "routing", "access", "registry", "usage")),
    ]
    environment = {**os.environ, "PYTHONHASHSEED": "12345", "PYTHONPATH": os.pathsep.join(places)}
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=environment, cwd=Path(ROOT))
    assert told.stdout.strip() == here


def test_every_word_of_every_function_can_be_read() -> None:
    """As records with the keys of their run, or, at a price, line by line as CloudWatch gets them."""
    with Fabric(seed=4) as fabric:
        fabric.sweep("serving")
        (line,) = fabric.functions.logs
        assert (line.level, line.message, line.keys["correlation_id"]) == ("info", "swept", "sweep")
    with Fabric(seed=4, verbatim=True) as fabric:
        fabric.sweep("serving")
        (text,) = fabric.functions.lines
        assert json.loads(text)["message"] == "swept"
        assert json.loads(text)["correlation_id"] == "sweep"
