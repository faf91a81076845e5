"""The part of Docker's Engine API (v1.44) that the emulator, docker-py and `docker ps` use."""

import http.server
import json
import re
import signal
import socketserver
import struct
import threading
import time
import urllib.parse
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, ClassVar

from local.containers.container import Container, LogLine
from local.images import Image, repository
from local.settings import Settings

NEVER = "0001-01-01T00:00:00Z"
STDOUT = 1
FIRST_HOST, LAST_HOST = 2, 254
JSON = dict[str, Any]


class NotFoundError(Exception):
    """No such image or container."""


class ConflictError(Exception):
    """The container cannot do that in the state that it is in."""


class Engine:
    """All containers of one platform, by id; safe to call from several threads."""

    def __init__(self, settings: Settings, images: dict[str, Image]) -> None:
        self._settings = settings
        self._images = images
        self._containers: dict[str, Container] = {}
        self._lock = threading.Lock()
        self._next_host = FIRST_HOST

    def image(self, reference: str) -> Image:
        """The image that a name or a digest stands for; raises NotFoundError."""
        by_digest = {image.digest: image for image in self._images.values()}
        image = by_digest.get(reference) or self._images.get(repository(reference))
        if image is None or not image.python.exists():
            raise NotFoundError(f"No such image: {reference}")
        return image

    def find(self, reference: str) -> Container:
        """A container by id, id prefix or name; raises NotFoundError."""
        for container in self.all():
            if container.identifier.startswith(reference) or container.name == reference:
                return container
        raise NotFoundError(f"No such container: {reference}")

    def all(self) -> list[Container]:
        """Every container, oldest first."""
        with self._lock:
            return list(self._containers.values())

    def create(self, name: str, config: JSON) -> Container:
        """Create a container from a Docker `Config` object."""
        image = self.image(config["Image"])
        with self._lock:
            if any(other.name == name for other in self._containers.values()):
                raise ConflictError(f"The container name {name!r} is already in use")
            container = Container(
                image=image,
                name=name,
                address=self._free_address() if image.own_address else "127.0.0.1",
                directory=self._settings.containers / f"{name}-{time.time_ns():x}",
                image_reference=config["Image"],
                command=tuple(config.get("Entrypoint") or ()) + tuple(config.get("Cmd") or ()) or image.command,
                environment=_environment(config.get("Env") or ()),
                labels=config.get("Labels") or {},
            )
            self._containers[container.identifier] = container
        return container

    def _free_address(self) -> str:
        """A loopback address no living container has: 127.x.y.n, x.y from the emulator's port, n rotating so none is reused at once."""
        high, low = divmod(self._settings.emulator_port, 256)
        taken = {container.address for container in self._containers.values() if container.status != "exited"}
        for _ in range(FIRST_HOST, LAST_HOST + 1):
            address = f"127.{high}.{low}.{self._next_host}"
            self._next_host = FIRST_HOST if self._next_host == LAST_HOST else self._next_host + 1
            if address not in taken:
                return address
        raise ConflictError("All loopback addresses for containers are taken; stop some models first")

    def remove(self, container: Container, *, force: bool) -> None:
        """Forget a container and delete its directory; raises ConflictError while it runs, unless forced."""
        if container.status == "running":
            if not force:
                raise ConflictError(f"You cannot remove a running container {container.identifier}")
            container.stop(0)
        with self._lock:
            self._containers.pop(container.identifier, None)
        container.remove()

    def stop_all(self, grace_seconds: float) -> None:
        """Stop every container at once and wait for all of them."""
        stoppers = [threading.Thread(target=container.stop, args=(grace_seconds,)) for container in self.all()]
        for stopper in stoppers:
            stopper.start()
        for stopper in stoppers:
            stopper.join()
        for container in self.all():
            container.remove()


def _environment(pairs: list[str] | tuple[str, ...]) -> dict[str, str]:
    # The emulator names itself as a container would see it.
    split = (pair.partition("=") for pair in pairs)
    return {name: value.replace("//host.docker.internal:", "//127.0.0.1:") for name, _, value in split}


def describe(container: Container) -> JSON:
    """`GET /containers/{id}/json`."""
    network = {"IPAddress": container.address, "MacAddress": "", "Gateway": "127.0.0.1", "NetworkID": "loopback"}
    return {
        "Id": container.identifier,
        "Name": "/" + container.name,
        "Created": _time(container.created),
        "Image": container.image.digest,
        "State": {
            "Status": container.status,
            "Running": container.status == "running",
            "Paused": False,
            "Restarting": False,
            "OOMKilled": False,
            "Dead": False,
            "Pid": container.pid,
            "ExitCode": container.exit_code or 0,
            "Error": "",
            "StartedAt": _time(container.started),
            "FinishedAt": _time(container.finished),
        },
        "Config": {"Image": container.image_reference, "Labels": container.labels, "Cmd": list(container.command), "Tty": False},
        "HostConfig": {"LogConfig": {"Type": "json-file"}, "NetworkMode": "bridge"},
        "NetworkSettings": {"IPAddress": container.address, "Networks": {"bridge": network}, "Ports": {}},
        "Mounts": [],
    }


def summarise(container: Container) -> JSON:
    """One row of `GET /containers/json`."""
    return {
        "Id": container.identifier,
        "Names": ["/" + container.name],
        "Image": container.image_reference,
        "ImageID": container.image.digest,
        "Command": " ".join(container.command),
        "Created": int(container.created),
        "State": container.status,
        "Status": container.status,
        "Labels": container.labels,
        "Ports": [],
        "NetworkSettings": {"Networks": {"bridge": {"IPAddress": container.address}}},
        "Mounts": [],
    }


def _time(at: float | None) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ") if at else NEVER


def _true(query: dict[str, str], name: str) -> bool:
    return query.get(name, "").lower() in {"1", "true"}


class Handler(http.server.BaseHTTPRequestHandler):
    """Routes requests to the engine; one thread a connection, so following a log blocks nobody."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    engine: ClassVar[Engine]

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
        """Say nothing per request; what matters is in the containers' own logs."""

    def do_GET(self) -> None:
        """Every method goes through one table."""
        self._route()

    do_POST = do_DELETE = do_HEAD = do_PUT = do_GET  # noqa: N815 - the base class names them

    def _route(self) -> None:
        url = urllib.parse.urlsplit(self.path)
        path = re.sub(r"^/v\d+\.\d+(?=/)", "", url.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length) or b"{}") if length else {}
        try:
            for method, pattern, action in ROUTES:
                match = re.fullmatch(pattern, path)
                if match and self.command in method:
                    action(self, [urllib.parse.unquote(group) for group in match.groups()], query, body)
                    return
            self.answer(404, {"message": f"page not found: {self.command} {path}"})
        except NotFoundError as error:
            self.answer(404, {"message": str(error)})
        except ConflictError as error:
            self.answer(409, {"message": str(error)})
        except ConnectionError:
            self.close_connection = True  # whoever followed a log has gone
        except OSError as error:
            self.answer(500, {"message": str(error)})

    def answer(self, status: int, value: object = None) -> None:
        """Send JSON, or nothing for 204."""
        data = b"" if value is None else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Api-Version", "1.44")
        self.send_header("Content-Type", "application/json")
        if status != http.HTTPStatus.NO_CONTENT:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def ping(self, _parts: list[str], _query: dict[str, str], _body: JSON) -> None:
        """`/_ping`."""
        self.send_response(200)
        self.send_header("Api-Version", "1.44")
        self.send_header("Content-Length", "2")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(b"OK")

    def version(self, _parts: list[str], _query: dict[str, str], _body: JSON) -> None:
        """`/version`."""
        self.answer(200, {"Version": "slipway", "ApiVersion": "1.44", "MinAPIVersion": "1.24", "Os": "linux", "Arch": "amd64"})

    def info(self, _parts: list[str], _query: dict[str, str], _body: JSON) -> None:
        """`/info`."""
        running = sum(container.status == "running" for container in self.engine.all())
        self.answer(200, {"ID": "slipway", "OSType": "linux", "Containers": len(self.engine.all()), "ContainersRunning": running})

    def list_containers(self, _parts: list[str], query: dict[str, str], _body: JSON) -> None:
        """`GET /containers/json` with label filters."""
        wanted = json.loads(query.get("filters") or "{}").get("label") or []
        wanted = list(wanted) if isinstance(wanted, dict) else wanted

        def matches(container: Container) -> bool:
            pairs = [label.partition("=") for label in wanted]
            return all(name in container.labels and (not equals or container.labels[name] == value) for name, equals, value in pairs)

        everything = _true(query, "all")
        rows = [container for container in self.engine.all() if matches(container) and (everything or container.status == "running")]
        self.answer(200, [summarise(container) for container in rows])

    def create(self, _parts: list[str], query: dict[str, str], body: JSON) -> None:
        """`POST /containers/create`."""
        container = self.engine.create(query.get("name") or f"container-{time.time_ns():x}", body)
        self.answer(201, {"Id": container.identifier, "Warnings": []})

    def inspect(self, parts: list[str], _query: dict[str, str], _body: JSON) -> None:
        """`GET /containers/{id}/json`."""
        self.answer(200, describe(self.engine.find(parts[0])))

    def start(self, parts: list[str], _query: dict[str, str], _body: JSON) -> None:
        """`POST /containers/{id}/start`."""
        self.engine.find(parts[0]).start()
        self.answer(204)

    def stop(self, parts: list[str], query: dict[str, str], _body: JSON) -> None:
        """`POST /containers/{id}/stop?t=seconds`."""
        self.engine.find(parts[0]).stop(float(query.get("t", "10")))
        self.answer(204)

    def kill(self, parts: list[str], query: dict[str, str], _body: JSON) -> None:
        """`POST /containers/{id}/kill?signal=`."""
        container = self.engine.find(parts[0])
        if container.status != "running":
            raise ConflictError(f"Container {container.identifier} is not running")
        name = query.get("signal") or "SIGKILL"
        container.send(int(name) if name.isdigit() else signal.Signals["SIG" + name.removeprefix("SIG")])
        self.answer(204)

    def wait(self, parts: list[str], _query: dict[str, str], _body: JSON) -> None:
        """`POST /containers/{id}/wait`."""
        self.answer(200, {"StatusCode": self.engine.find(parts[0]).wait()})

    def remove(self, parts: list[str], query: dict[str, str], _body: JSON) -> None:
        """`DELETE /containers/{id}`."""
        self.engine.remove(self.engine.find(parts[0]), force=_true(query, "force"))
        self.answer(204)

    def logs(self, parts: list[str], query: dict[str, str], _body: JSON) -> None:
        """`GET /containers/{id}/logs`, in Docker's multiplexed frames."""
        container = self.engine.find(parts[0])
        self.send_response(200)
        self.send_header("Content-Type", "application/vnd.docker.multiplexed-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        tail = query.get("tail", "all")
        for line in container.lines(follow=_true(query, "follow"), tail=int(tail) if tail.isdigit() else None):
            data = _stamped(line) if _true(query, "timestamps") else line.data
            self._chunk(struct.pack(">BxxxI", STDOUT, len(data)) + data)
        self._chunk(b"")

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def image(self, parts: list[str], _query: dict[str, str], _body: JSON) -> None:
        """`GET /images/{name}/json` and `GET /distribution/{name}/json`."""
        image = self.engine.image(parts[-1])
        descriptor = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": image.digest, "size": 1}
        digests = [f"{image.repository}@{image.digest}"]
        self.answer(200, {"Id": image.digest, "RepoTags": [parts[-1]], "RepoDigests": digests, "Descriptor": descriptor, "Platforms": []})

    def pull(self, _parts: list[str], query: dict[str, str], _body: JSON) -> None:
        """`POST /images/create`: everything is on the machine already."""
        self.engine.image(query.get("fromImage", ""))
        self.answer(200, {"status": "Image is up to date"})

    def tag(self, parts: list[str], _query: dict[str, str], _body: JSON) -> None:
        """`POST /images/{name}/tag`: names are fixed, so there is nothing to record."""
        self.engine.image(parts[0])
        self.answer(201)

    def empty(self, _parts: list[str], _query: dict[str, str], _body: JSON) -> None:
        """Lists of things that process containers do not have."""
        self.answer(200, {"Volumes": [], "Warnings": []} if "volumes" in self.path else [])


def _stamped(line: LogLine) -> bytes:
    return f"{_time(line.at)} ".encode() + line.data


Action = Callable[[Handler, list[str], dict[str, str], JSON], None]
ROUTES: tuple[tuple[tuple[str, ...], str, Action], ...] = (
    (("GET", "HEAD"), "/_ping", Handler.ping),
    (("GET",), "/version", Handler.version),
    (("GET",), "/info", Handler.info),
    (("GET",), "/containers/json", Handler.list_containers),
    (("POST",), "/containers/create", Handler.create),
    (("GET",), "/containers/([^/]+)/json", Handler.inspect),
    (("POST",), "/containers/([^/]+)/start", Handler.start),
    (("POST",), "/containers/([^/]+)/stop", Handler.stop),
    (("POST",), "/containers/([^/]+)/kill", Handler.kill),
    (("POST",), "/containers/([^/]+)/wait", Handler.wait),
    (("GET",), "/containers/([^/]+)/logs", Handler.logs),
    (("DELETE",), "/containers/([^/]+)", Handler.remove),
    (("POST",), "/images/create", Handler.pull),
    (("GET",), "/(images|distribution)/(.+)/json", Handler.image),
    (("POST",), "/images/(.+)/tag", Handler.tag),
    (("GET",), "/images/json|/networks|/volumes", Handler.empty),
)


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    """Threaded, on 127.0.0.1 only."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64


def serve(settings: Settings, engine: Engine) -> Server:
    """A bound server, ready for `serve_forever`; raises OSError when the port is taken."""
    handler = type("BoundHandler", (Handler,), {"engine": engine})
    return Server(("127.0.0.1", settings.containers_port), handler)
