"""People who give commands: who they are, what they may wish, and what they remember of their requests and of the answers.

What an answer must be is asked here, at once: a repetition under the same Idempotency-Key, a model of other people's, a revoked token.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.fabric.model.seen import Seen
from tests.fabric.platform import ADMIN, PROVIDER, Fabric

Answer = tuple[int, Any, dict[str, str]]


def _person(name: str, *groups: str) -> dict[str, Any]:
    scopes = ["models:read", "models:write", "tokens:write"]
    return {"subject": f"token:{name}", "kind": "token", "groups": list(groups), "scopes": scopes}


PEOPLE: dict[str, dict[str, Any]] = {
    "ada": _person("ada", "research"),
    "ben": _person("ben", "research", "health"),
    "eve": _person("eve", "health"),
    "admin": dict(ADMIN),
}
MODELS = ("m1", "m2", "claude")
"""An engine of ours, one on GPUs of which there is no second, and a third party's: few, so that things collide."""
OWNERS = {"m1": "ada", "m2": "ben", "claude": "eve"}
ENGINES: dict[str, dict[str, Any]] = {
    "m1": {"kind": "llama.cpp", "arguments": {"context_length": 8192}},
    "m2": {"kind": "vllm", "arguments": {}},
}
HOT: tuple[dict[str, Any], ...] = ({"description": "another"}, {"allowed_groups": ["research", "health"]}, {"delete_protection": True})
ROLLING: tuple[dict[str, Any], ...] = (
    {"capacity": {"min": 1, "max": 2, "desired": 2}},
    {"capacity": {"min": 0, "max": 1, "desired": 1, "idle_minutes": 1}},
)
RESTART: tuple[dict[str, Any], ...] = (
    {"container": {"shared_memory_mib": 128}},
    {"container": {"environment": {"TZ": "UTC"}}},
)
SCHEDULES: tuple[dict[str, Any], ...] = (
    {"time_zone": "UTC", "windows": [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "opens": "00:02", "closes": "00:30"}]},
    {"time_zone": "Europe/Berlin", "windows": [{"days": ["sun"], "opens": "08:00", "closes": "18:00"}], "lead_minutes": 5},
)
SHARES: tuple[list[dict[str, Any]], ...] = (
    [],
    [{"version": "1.0.0", "weight": 10_000}],
    [{"version": "1.0.0", "weight": 10_000}, {"version": "2.0.0", "weight": 0}],
    [{"version": "1.0.0", "weight": 9_000}, {"version": "2.0.0", "weight": 1_000}],
    [{"version": "1.0.0", "weight": 9_000}, {"version": "2.0.0", "weight": 500}],
)
"""Splits that may be taken, one of which nobody serves a part, and one that makes no whole."""
_ALIKE_FOR_ALL = frozenset({"cancel_operation", "delete_model"})
"""Whoever asks for these while it is under way is told of the one operation that sees to it."""


@dataclass(frozen=True)
class Sent:
    """A request under a key, and what was answered."""

    person: str
    function: str
    method: str
    path: str
    headers: Mapping[str, str]
    body: Any
    status: int
    told: Any
    at: float


def _another(first: Sent) -> tuple[str, Any]:
    """Path and body of another request than this one, by the same route."""
    if first.body is not None:
        return first.path, {**first.body, "description": "quite another"}
    head, name, tail = first.path.split("/", 3)[1], first.path.split("/")[2], first.path.split("/")[3:]
    return "/".join(["", head, f"{name}-other", *tail]), None


@dataclass
class People:
    """Those who ask. `sent`: requests that bore a key and were accepted; `accepted`: operations by id, with the model that they are of."""

    fabric: Fabric
    seen: Seen
    sent: list[Sent] = field(default_factory=list)
    accepted: dict[str, str] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)
    """Models of which somebody was not told what became of a command."""
    wishes: dict[str, list[tuple[int, str, Any, str]]] = field(default_factory=dict)
    """What was accepted, by model: generation, kind, body, operation. What changed nothing has the generation that stood."""
    shares: dict[str, tuple[int, list[dict[str, Any]]]] = field(default_factory=dict)
    """How the traffic of a model was wanted last: the generation that was answered, and the versions; nothing where it cannot be known."""
    born: dict[str, int] = field(default_factory=dict)
    """The generation with which the life of a model began."""
    tokens: list[dict[str, Any]] = field(default_factory=list)
    revoked: set[str] = field(default_factory=set)
    numbers: int = 0

    # ── commands ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def command(
        self, person: str, function: str, method: str, path: str, *, body: Any = None, if_match: str = "", keyed: bool = True
    ) -> Answer:
        """One command. `if_match`: empty, `fresh` or `stale`."""
        headers: dict[str, str] = {}
        model_id = self._model_of(path) or (body or {}).get("model_id", "")
        person = OWNERS.get(model_id, "admin") if person == "owner" else person
        if if_match and (row := self.seen.model(model_id)):
            headers["if-match"] = f'"{row["generation"] - (if_match == "stale")}"'
        if keyed:
            self.numbers += 1
            headers["idempotency-key"] = f"key-{self.numbers}"
        answer = self._ask(person, function, method, path, headers, body)
        status, told, given = answer
        if if_match == "stale" and "if-match" in headers:
            assert status != 202 or function == "delete_model", f"{method} {path} with a stale generation was accepted"
        if status < 300 and keyed:
            self.sent.append(Sent(person, function, method, path, headers, body, status, told, self.fabric.now))
        if status == 202:
            self._accepted(function, told, given, body)
        elif status == 200 and function == "set_traffic":
            self._shared(told, body)
        elif status >= 500:
            self.unknown.add(model_id)
        return answer

    def again(self, which: int, *, other_body: bool, other_person: bool) -> None:
        """11: an accepted request comes once more under its key: as it was, with another body, or from somebody else."""
        if not self.sent:
            return
        first = self.sent[which % len(self.sent)]
        if self.fabric.now - first.at > 86_000:
            return
        person = next(name for name in PEOPLE if name != first.person) if other_person else first.person
        path, body = _another(first) if other_body else (first.path, first.body)
        status, told, given = self._ask(person, first.function, first.method, path, first.headers, body)
        if status >= 500:
            if other_person:
                self.unknown.add(self._model_of(path))
            return
        if other_person:
            if status == 202:
                self._accepted(first.function, told, given, body)
                same = told["operation_id"] == first.told["operation_id"]
                assert not same or first.function in _ALIKE_FOR_ALL, f"{person} is given {first.person}'s answer to {first.method} {path}"
            elif status == 200 and first.function == "set_traffic":
                self._shared(told, body)
            elif status == 201:
                self._issued(person, told)
                assert told["token_id"] != first.told["token_id"], f"{person} is given {first.person}'s token"
        elif other_body:
            assert status >= 400, f"{first.method} {path} under a key that was used for another request was accepted: {told}"
        else:
            assert (status, told) == (first.status, first.told), f"{first.method} {path} was answered {first.told}, and now {status} {told}"

    # ── questions ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def look(self, person: str, model_id: str) -> None:
        """14: who is in none of a model's groups finds neither it nor anything of it, by any way, and changes nothing."""
        row, person = self.seen.model(model_id), OWNERS[model_id] if person == "owner" else person
        mine = row is not None and not row["deleted"] and self._may(person, row["spec"]["allowed_groups"])
        status, told, _ = self._ask(person, "read_model", "GET", f"/models/{model_id}", {}, None)
        assert status >= 500 or status == (200 if mine else 404), (
            f"{person} is answered {status} about {model_id}, whose is {row and row['spec']}"
        )
        status, told, _ = self._ask(person, "list_models", "GET", "/models", {}, None)
        if status == 200:
            names = {item["model_id"] for item in told["items"]}
            known = {item["model_id"]: item["allowed_groups"] for item in told["items"]}
            foreign = [name for name, groups in known.items() if not self._may(person, groups)]
            assert not foreign, f"{person} is shown {foreign}"
            assert mine or model_id not in names or not self._settled(model_id), f"{person} is shown {model_id}"

    def trespass(self, person: str, model_id: str, way: int) -> None:
        """14: a command on a model of other people's is answered as if there were none, and leaves everything as it was."""
        row, person = self.seen.model(model_id), OWNERS[model_id] if person == "owner" else person
        if row is None or row["deleted"] or self._may(person, row["spec"]["allowed_groups"]):
            return
        path = f"/models/{model_id}"
        ways: tuple[tuple[str, str, str, Any], ...] = (
            ("update_model", "PATCH", path, {"description": "mine now"}),
            ("delete_model", "DELETE", path, None),
            ("stop_model", "POST", f"{path}/stop", None),
            ("list_model_events", "GET", f"{path}/events", None),
            ("read_schedule", "GET", f"{path}/schedule", None),
            ("cancel_operation", "POST", f"/operations/{row['operation']}/cancel", None),
            ("read_operation", "GET", f"/operations/{row['operation']}", None),
            ("list_versions", "GET", f"{path}/versions", None),
        )
        function, method, where, body = ways[way % len(ways)]
        before, preempted = self.fabric.tables.changes, self.fabric.fired["preempted"]
        status, told, _ = self._ask(person, function, method, where, {}, body)
        if function == "list_versions" and status == 200:
            assert told["items"] == [], f"{person} is shown versions of {model_id}"
            return
        assert status >= 500 or status == 404, f"{person} is answered {status} to {method} {where}: {told}"
        assert self.fabric.tables.changes == before or self.fabric.fired["preempted"] > preempted, (
            f"{person} has changed something by {method} {where}"
        )

    # ── tokens ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def issue(self, person: str) -> None:
        """A token for what one may see oneself."""
        person = "ada" if person == "owner" else person
        wanted = {"name": "mine", "groups": PEOPLE[person]["groups"][:1], "scopes": ["models:read"]}
        status, told, _ = self.command(person, "issue_token", "POST", "/tokens", body=wanted)
        if status == 201:
            self._issued(person, told)

    def revoke(self, which: int) -> None:
        """Its owner takes it back."""
        if self.tokens:
            token = self.tokens[which % len(self.tokens)]
            status, _, _ = self._ask("admin", "revoke_token", "DELETE", f"/tokens/{token['token_id']}", {}, None)
            if status in {200, 204}:
                self.revoked.add(token["token_id"])
            assert status in {200, 204} or status >= 500, f"a token was not revoked: {status}"

    def present(self, which: int) -> None:
        """16: a token opens the door until it is revoked, and never after that."""
        if not self.tokens:
            return
        token = self.tokens[which % len(self.tokens)]
        status, _, _ = self.fabric.http("list_models", "GET", "/models", token=token["token"])
        if token["token_id"] in self.revoked:
            assert status in {403, 500}, f"a revoked token is answered {status}"

    # ── insides ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _ask(self, person: str, function: str, method: str, path: str, headers: Mapping[str, str], body: Any) -> Answer:
        before = sum(self.fabric.fired.values())
        answer = self.fabric.http(function, method, path, caller=PEOPLE[person], headers=headers, body=body)
        if answer[0] == 500:
            assert sum(self.fabric.fired.values()) > before, (
                f"{method} {path} is answered 500, and nothing had gone wrong: {self._errors()}"
            )
        return answer

    def _errors(self) -> list[str]:
        return [f"{line.message} {line.extra} {line.error}" for line in self.fabric.functions.logs[-3:]]

    def _shared(self, told: Mapping[str, Any], body: Any) -> None:
        """A route that has not heard of the end of the life before may still be shared; what becomes of that is left open."""
        model_id, generation = told["model_id"], told["generation"]
        route = self.seen.route(model_id)
        if route and route["generation"] < self.born.get(model_id, 0):
            self.shares.pop(model_id, None)
        elif generation >= self.shares.get(model_id, (0, []))[0]:
            self.shares[model_id] = generation, body["versions"]

    def _born(self, model_id: str, tag: str) -> None:
        self.born[model_id] = int(tag.strip('"'))
        if self.seen.route(model_id) is None:
            self.shares[model_id] = 0, []
        else:
            self.shares.pop(model_id, None)

    def _accepted(self, function: str, told: Mapping[str, Any], headers: Mapping[str, str], body: Any) -> None:
        tag = headers.get("etag", "")
        if tag and function == "create_model" and told["operation_id"] not in self.accepted:
            self._born(told["model_id"], tag)
        self.accepted[told["operation_id"]] = told["model_id"]
        if tag and function in {"create_model", "update_model", "set_schedule", "remove_schedule"}:
            kind = "create" if function == "create_model" else "update"
            if function == "set_schedule":
                body = {"schedule": {"lead_minutes": 0, "enabled": True} | body}  # a schedule is replaced as a whole
            elif function == "remove_schedule":
                body = {"schedule": None}
            self.wishes.setdefault(told["model_id"], []).append((int(tag.strip('"')), kind, body, told["operation_id"]))

    def _issued(self, person: str, told: Mapping[str, Any]) -> None:
        if told["token_id"] not in {token["token_id"] for token in self.tokens}:
            self.tokens.append({"token_id": told["token_id"], "token": told["token"], "person": person})
            self.seen.secrets.append(told["token"].split("_")[2])

    def _may(self, person: str, groups: list[str]) -> bool:
        who = PEOPLE[person]
        return "admin" in who["scopes"] or "*" in groups or bool(set(who["groups"]) & set(groups))

    def _settled(self, model_id: str) -> bool:
        """Whether what a list shows of a model, which may be a moment old, is the last word."""
        return not self.fabric.fired

    def _model_of(self, path: str) -> str:
        parts = path.split("/")
        if parts[1] == "operations":
            return self.accepted.get(parts[2], "")
        return parts[2] if len(parts) > 2 else ""

    def wish(self, model_id: str) -> dict[str, Any]:
        """A body for `POST /models`."""
        if model_id == "claude":
            whose: dict[str, Any] = {"model_id": model_id, "allowed_groups": ["health"]}
            return whose | {"hosting": "provider", "provider": PROVIDER["provider"]}
        wanted = self.fabric.wish(model_id, engine=ENGINES[model_id])
        if model_id == "m2":
            wanted |= {"accelerator": {"gpus": 1, "gpu_memory_gib": 24}, "schedule": SCHEDULES[1]}
        return wanted
