"""What the router asks of AWS: tables that are followed, secrets, the bus, the queue of usage. Blocking; called in threads of their own."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from contracts.access import HEAD_KEY, TOKEN_PREFIX, TOKENS_PARTITION
from contracts.limits import LIMIT_PREFIX, LIMITS_PARTITION
from contracts.routing import ROUTE_PREFIX, ROUTES_PARTITION
from router.feed import Change, Entry, SourceUnavailable
from router.statuses import REDIRECTION

_LEDGER_PREFIX = "LEDGER#"


class SecretUnavailable(Exception):
    """A secret cannot be read; `denied` when asking again will not help by itself."""

    def __init__(self, reason: str, *, denied: bool = False) -> None:
        super().__init__(reason)
        self.denied = denied


class BusUnavailable(Exception):
    """The bus did not take the events."""


class QueueUnavailable(Exception):
    """The queue did not take a message."""


def client(service: str) -> Any:
    """A client of a JSON service, that gives up soon and never retries: the loops above it do."""
    import boto3
    from botocore.config import Config

    factory: Any = boto3.client  # its overloads name every service; here a name is only passed on
    made = factory(service, config=Config(connect_timeout=2, read_timeout=4, retries={"total_max_attempts": 1}, max_pool_connections=4))
    made.meta.events.register("before-parse", _whole)
    return made


def _whole(response_dict: dict[str, Any], operation_model: Any, **_: Any) -> None:
    """Refuse a success whose JSON breaks off: botocore would take it for a row that is not there, and a token or a route be dropped."""
    if response_dict["status_code"] < REDIRECTION:
        try:
            json.loads(response_dict["body"])
        except ValueError as error:
            from botocore.exceptions import ConnectionClosedError

            raise ConnectionClosedError(endpoint_url=operation_model.service_model.endpoint_prefix, error=error) from error


class Table:
    """A table that is only read, each time as of now."""

    def __init__(self, dynamodb: Any, name: str) -> None:
        self._client, self._name = dynamodb, name

    def read(self, operation: str, **parameters: Any) -> Any:
        """The answer to `get_item` or `query`; SourceUnavailable otherwise."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return getattr(self._client, operation)(TableName=self._name, ConsistentRead=True, **parameters)
        except ClientError as error:
            raise SourceUnavailable(error.response["Error"]["Code"]) from error
        except BotoCoreError as error:
            raise SourceUnavailable(type(error).__name__) from error


class FeedTable:
    """One partition of a table as a feed (`feed.Source`)."""

    def __init__(self, dynamodb: Any, table: str, partition: str, prefix: str, interpret: Callable[[int, dict[str, Any]], Change]) -> None:
        self._table, self._partition, self._prefix, self._interpret = Table(dynamodb, table), partition, prefix, interpret

    def head(self) -> int:
        """The newest revision, 0 for a table that holds nothing yet."""
        item = self._get(HEAD_KEY)
        if item is None:
            return 0
        if "revision" in item:
            return int(item["revision"]["N"])
        document = _document(item) or {}
        return int(document.get("revision", 0))

    def changes(self, after: int, up_to: int) -> list[Change]:
        """The ledger's rows with after < revision <= up_to, in order."""
        items = self._query(
            "pk = :pk AND sk BETWEEN :low AND :high",
            {":low": {"S": f"{_LEDGER_PREFIX}{after + 1:012d}"}, ":high": {"S": f"{_LEDGER_PREFIX}{up_to:012d}"}},
        )
        return [self._change(item) for item in items]

    def entries(self) -> list[Entry]:
        """Every entity's row."""
        items = self._query("pk = :pk AND begins_with(sk, :prefix)", {":prefix": {"S": self._prefix}})
        return [Entry(item["sk"]["S"].removeprefix(self._prefix), _document(item)) for item in items]

    def entry(self, key: str) -> Entry | None:
        """One entity's row, None if it is gone."""
        item = self._get(self._prefix + key)
        return None if item is None else Entry(key, _document(item) or {})

    def _change(self, item: dict[str, Any]) -> Change:
        revision = int(item["sk"]["S"].removeprefix(_LEDGER_PREFIX))
        data = (_document(item) or {}).get("data")
        return self._interpret(revision, data if isinstance(data, dict) else {})

    def _get(self, sk: str) -> dict[str, Any] | None:
        answer = self._table.read("get_item", Key={"pk": {"S": self._partition}, "sk": {"S": sk}})
        item: dict[str, Any] | None = answer.get("Item")
        return item

    def _query(self, condition: str, values: dict[str, Any]) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        start: dict[str, Any] = {}
        while True:
            answer = self._table.read(
                "query", KeyConditionExpression=condition, ExpressionAttributeValues={":pk": {"S": self._partition}, **values}, **start
            )
            items += answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return items
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


def route_feed(dynamodb: Any, table: str) -> FeedTable:
    """The route table; its ledger rows hold whole routes."""
    return FeedTable(dynamodb, table, ROUTES_PARTITION, ROUTE_PREFIX, _route_change)


def token_feed(dynamodb: Any, table: str) -> FeedTable:
    """The token table; its ledger rows name tokens, whose digests only their own rows hold."""
    return FeedTable(dynamodb, table, TOKENS_PARTITION, TOKEN_PREFIX, _token_change)


def limit_feed(dynamodb: Any, table: str) -> FeedTable:
    """The limits, in a partition of the token table; their ledger rows hold whole limits."""
    return FeedTable(dynamodb, table, LIMITS_PARTITION, LIMIT_PREFIX, _limit_change)


def _limit_change(revision: int, data: dict[str, Any]) -> Change:
    return _change_in(data, "limits", f"{data.get('kind')}#{data.get('subject_id')}", revision)


def _route_change(revision: int, data: dict[str, Any]) -> Change:
    return _change_in(data, "route", str(data.get("model_id", "")), revision)


def _change_in(data: dict[str, Any], name: str, key: str, revision: int) -> Change:
    """The change to the document that stands under `name`, None there for one that is gone."""
    document = data.get(name)
    malformed = name not in data or not (document is None or isinstance(document, dict))
    return Change(revision, key, None if malformed else document, reread=malformed)


def _token_change(revision: int, data: dict[str, Any]) -> Change:
    return Change(revision, str(data.get("token_id", "")), None, reread=True)


def _document(item: dict[str, Any]) -> dict[str, Any] | None:
    try:
        content = json.loads(item["document"]["S"])
    except (KeyError, ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


class SecretStore:
    """Secrets Manager."""

    def __init__(self, secrets_manager: Any) -> None:
        self._client = secrets_manager

    def read(self, arn: str) -> str:
        """The secret's text as of now; SecretUnavailable otherwise."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            text = self._client.get_secret_value(SecretId=arn).get("SecretString")
        except ClientError as error:
            code = error.response["Error"]["Code"]
            raise SecretUnavailable(code, denied=code in {"ResourceNotFoundException", "AccessDeniedException"}) from error
        except BotoCoreError as error:
            raise SecretUnavailable(type(error).__name__) from error
        if not text:
            raise SecretUnavailable("the secret holds no text", denied=True)
        return str(text)


class EventBus:
    """The bus."""

    def __init__(self, events: Any, name: str) -> None:
        self._client, self._name = events, name

    def put(self, entries: Sequence[tuple[str, str, dict[str, Any]]]) -> None:
        """Put (source, detail type, detail) on the bus, at most 10 at once; BusUnavailable unless all were taken."""
        from botocore.exceptions import BotoCoreError, ClientError

        batch = [
            {"EventBusName": self._name, "Source": source, "DetailType": kind, "Detail": json.dumps(detail)}
            for source, kind, detail in entries
        ]
        try:
            answer = self._client.put_events(Entries=batch)
        except (ClientError, BotoCoreError) as error:
            raise BusUnavailable(type(error).__name__) from error
        taken = sum(1 for entry in answer.get("Entries", ()) if entry.get("EventId"))
        if taken != len(batch):
            raise BusUnavailable(f"{len(batch) - taken} of {len(batch)} not taken")


class SqsQueue:
    """A queue in SQS. `url` as the stack names it."""

    def __init__(self, sqs: Any, url: str) -> None:
        self._client, self._url = sqs, url

    def send(self, body: str) -> None:
        """Send a message; QueueUnavailable unless it was taken."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self._client.send_message(QueueUrl=self._url, MessageBody=body)
        except ClientError as error:
            raise QueueUnavailable(error.response["Error"]["Code"]) from error
        except BotoCoreError as error:
            raise QueueUnavailable(type(error).__name__) from error
