"""What can be seen of a platform in the fabric: rows, facts, dead letters."""

import json
from typing import Any

from tests.fabric.aws.dynamodb import DynamoDb
from tests.fabric.delivery.queues import Queues
from tests.fabric.topology import Topology


class Views:
    """Looks at tables and queues directly, by no API."""

    topology: Topology
    tables: DynamoDb
    queues: Queues

    def images(self, table: str) -> list[dict[str, Any]]:
        """Rows in DynamoDB JSON, by key. `table`: a logical id, or its context (`serving`)."""
        return self.tables.tables[self._table(table)].images()

    def rows(self, table: str = "serving") -> dict[tuple[str, str], dict[str, Any]]:
        """Documents by key."""
        return {(one["pk"]["S"], one["sk"]["S"]): json.loads(one["document"]["S"]) for one in self.images(table)}

    def ledger(self, table: str = "serving") -> list[dict[str, Any]]:
        """Recorded facts, partition by partition, in order."""
        return [document for (_, sk), document in self.rows(table).items() if sk.startswith("LEDGER#")]

    def model(self, model_id: str) -> dict[str, Any]:
        """Serving's row of a model."""
        return self._document("ServingModelTable", f"MODEL#{model_id}", "MODEL")

    def operation(self, operation_id: str) -> dict[str, Any]:
        """An operation's row."""
        return self._document("ServingModelTable", f"OPERATION#{operation_id}", "OPERATION")

    def route(self, model_id: str) -> dict[str, Any] | None:
        """Routing's row of a model."""
        image = self.tables.tables["RoutingRouteTable"].get("ROUTES", f"ROUTE#{model_id}")
        return json.loads(image["document"]["S"]) if image else None

    def dead_letters(self) -> dict[str, list[Any]]:
        """What lies in dead-letter queues, by queue; only those that hold something."""
        mapped = set(self.topology.queue_mappings)
        kept = {name: [json.loads(m.body) for m in found] for name, found in self.queues.messages.items() if name not in mapped}
        return {name: found for name, found in kept.items() if found}

    def _document(self, table: str, pk: str, sk: str) -> dict[str, Any]:
        image = self.tables.tables[table].get(pk, sk)
        if image is None:
            raise KeyError(pk)
        found: dict[str, Any] = json.loads(image["document"]["S"])
        return found

    def _table(self, name: str) -> str:
        return next(table for table in self.topology.tables if table == name or table.lower().startswith(name))
