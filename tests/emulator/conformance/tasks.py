"""ECS services whose task is a Python one-liner, and the events that they cause."""

import json
from dataclasses import dataclass
from typing import Any

from tests.emulator.conformance.cloud import Cloud, eventually

SERVE = (
    "import http.server, os, signal, sys\n"
    "signal.signal(signal.SIGTERM, lambda *_: (print('draining', flush=True), sys.exit(7)))\n"
    "print('hello from', os.environ['SLIPWAY_LISTEN_HOST'], flush=True)\n"
    "http.server.HTTPServer((os.environ['SLIPWAY_LISTEN_HOST'], 8080), http.server.SimpleHTTPRequestHandler).serve_forever()\n"
)


@dataclass
class Service:
    """A service, and a queue that receives the events of its cluster."""

    cloud: Cloud
    cluster: str
    name: str
    events_url: str

    def __post_init__(self) -> None:
        self.ecs = self.cloud.client("ecs")
        self._seen: list[dict[str, Any]] = []

    def seen(self) -> list[dict[str, Any]]:
        """All events so far."""
        messages = self.cloud.client("sqs").receive_message(QueueUrl=self.events_url, MaxNumberOfMessages=10).get("Messages", [])
        self._seen += [json.loads(message["Body"]) for message in messages]
        return self._seen

    def task_events(self, **wanted: str) -> list[dict[str, Any]]:
        """Details of `ECS Task State Change` events with these values."""
        details = [event["detail"] for event in self.seen() if event["detail-type"] == "ECS Task State Change"]
        return [detail for detail in details if all(detail.get(name) == value for name, value in wanted.items())]

    def awaited(self, count: int = 1, **wanted: str) -> list[dict[str, Any]]:
        """At least `count` such events, in the order of their versions."""
        found = eventually(lambda: self.task_events(**wanted), lambda events: len(events) >= count)
        assert len(found) >= count, self.seen()
        return sorted(found, key=lambda detail: detail["version"])

    def address(self, detail: dict[str, Any]) -> str:
        """The ENI's address in an event."""
        pairs = {pair["name"]: pair["value"] for pair in detail["attachments"][0]["details"]}
        return str(pairs["privateIPv4Address"])


def service(
    cloud: Cloud,
    code: str = SERVE,
    *,
    desired: int = 1,
    container: dict[str, Any] | None = None,
    task: dict[str, Any] | None = None,
    **options: Any,
) -> Service:
    """Create a cluster, its events' queue, a task definition and a service."""
    ecs, events, cluster = cloud.client("ecs"), cloud.client("events"), cloud.name("cluster")
    arn = ecs.create_cluster(clusterName=cluster)["cluster"]["clusterArn"]
    url, queue_arn = cloud.queue()
    events.put_rule(
        Name=cluster,
        EventPattern=json.dumps(
            {
                "source": ["aws.ecs"],
                "$or": [{"detail": {"clusterArn": [arn]}}, {"resources": [{"prefix": arn.replace(":cluster/", ":service/")}]}],
            }
        ),
    )
    events.put_targets(Rule=cluster, Targets=[{"Id": "q", "Arn": queue_arn}])
    engine = {"name": "engine", "image": "slipway/plain:local", "command": ["python", "-c", code], "stopTimeout": 5}
    definition = ecs.register_task_definition(
        family=cluster, networkMode="awsvpc", requiresCompatibilities=["FARGATE"], cpu="256", memory="512",
        containerDefinitions=[engine | (container or {})],
        **(task or {}),
    )["taskDefinition"]["taskDefinitionArn"]  # fmt: skip
    placement = {} if "capacityProviderStrategy" in options else {"launchType": "FARGATE"}
    network = {"awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": []}}
    ecs.create_service(
        cluster=cluster,
        serviceName="svc",
        taskDefinition=definition,
        desiredCount=desired,
        networkConfiguration=network,
        **placement,
        **options,
    )
    return Service(cloud, cluster, "svc", url)
