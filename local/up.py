"""`make up`: from a bare machine to a model that answers. Safe to run again: what is there already is left as it is."""

import argparse
import concurrent.futures
import fcntl
import os
import signal
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from local import cloud, daemons, deployment, environment, model, people, weights
from local.bootstrap import BootstrapError, ensure
from local.follow import Subscription, interrupt_once, remove_abandoned
from local.management import Management, ManagementError
from local.progress import Progress
from local.settings import ROOT, Settings, SettingsError

EARLY = ("emulator", "lambda-runtime", "sam")
LATE = ("router", "engine", "engine-llama-cpp")
ROUTER_SECONDS = 90.0
JSON_TYPE = "Content-Type: application/json"
EXPECTED = (
    BootstrapError, daemons.DaemonError, deployment.DeploymentError, model.ModelError, ManagementError, SettingsError, weights.WeightsError,
    ClientError, BotoCoreError, OSError,
)  # fmt: skip


class PrerequisiteError(Exception):
    """The machine lacks something; the message says what to do."""


@dataclass
class Up:
    """The steps, in order; each leaves alone what is already as it should be."""

    settings: Settings
    progress: Progress
    with_model: bool

    def run(self) -> None:
        """Everything; raises one of EXPECTED or PrerequisiteError."""
        check_machine()
        check_port(self.settings)
        pool = concurrent.futures.ThreadPoolExecutor(max_workers=1)
        self._environments(EARLY, "Python environments (emulator, functions, SAM)")
        late = pool.submit(ensure, LATE)
        self._daemons()
        stack = self._stack(late)
        self._weights_and_tokens(stack)
        self._router(stack)
        remove_abandoned(self.settings, stack["BusName"])
        if self.with_model:
            self._model(stack)
        self._farewell()

    def _environments(self, groups: tuple[str, ...], title: str) -> None:
        with self.progress.phase(title):
            ensure(groups, lambda group, seconds: self.progress.note(f"{group} in {seconds:.0f} s"))

    def _daemons(self) -> None:
        with self.progress.phase("Emulated AWS") as phase:
            programs = [daemons.emulator(self.settings)]
            if self.settings.uses_process_containers:
                programs.insert(0, daemons.containers(self.settings))
            if not any(program.pid() for program in programs) and not daemons.is_free(self.settings.router_port):
                raise daemons.DaemonError(
                    f"Port {self.settings.router_port}, needed by the router, is taken by another program.\n"
                    f"Stop that program, or choose another port: SLIPWAY_ROUTER_PORT=<port> make up"
                )
            started = [program.start() for program in programs]
            for program in programs:
                program.wait()
            phase.note(self.settings.endpoint if any(started) else f"{self.settings.endpoint}, already running")

    def _stack(self, late: "concurrent.futures.Future[None]") -> dict[str, str]:
        parameters = deployment.parameters(computed(self.settings))
        with self.progress.phase("sam build") as phase:
            if not deployment.build(self.settings, parameters, phase.note):
                phase.note("nothing has changed")
        with self.progress.phase("Python environments (router, engine)"):
            late.result()
        with self.progress.phase("sam deploy") as phase:
            if not deployment.deploy(self.settings, parameters, phase.note):
                phase.note("nothing has changed")
        stack = cloud.outputs(self.settings)
        if not stack:
            raise deployment.DeploymentError(
                f"The stack {self.settings.stack_name} is not complete. `make clean` and `make up` begin anew."
            )
        return stack

    def _weights_and_tokens(self, stack: dict[str, str]) -> None:
        if self.with_model:
            with self.progress.phase("Weights into the bucket") as phase:
                self.artifact = weights.upload(self.settings, stack["ArtifactBucketName"])
                phase.note(self.artifact.uri)
        with self.progress.phase("Administrator and tokens") as phase:
            tokens = self._tokens(stack)
            phase.note("still valid" if tokens is None else "issued")
            self._write_environment(stack, tokens)

    def _tokens(self, stack: dict[str, str]) -> people.Tokens | None:
        """New tokens, or None when those of the last time are still good."""
        url, old = cloud.management_url(self.settings, stack), environment.read(self.settings.env_file)
        if old.get("MANAGEMENT_URL") == url and old.get("OPENAI_API_KEY") and Management(url, old["ADMIN_TOKEN"]).accepts_token():
            return None
        return people.issue_tokens(Management(url, people.sign_in(self.settings, stack)))

    def _write_environment(self, stack: dict[str, str], tokens: people.Tokens | None) -> None:
        old = environment.read(self.settings.env_file)
        values = {
            "MANAGEMENT_URL": cloud.management_url(self.settings, stack),
            "ADMIN_TOKEN": tokens.admin if tokens else old["ADMIN_TOKEN"],
            "OPENAI_BASE_URL": f"{self.settings.router_url}/v1",
            "OPENAI_API_KEY": tokens.inference if tokens else old["OPENAI_API_KEY"],
            "AWS_ENDPOINT_URL": self.settings.endpoint,
            "AWS_ACCESS_KEY_ID": cloud.KEY,
            "AWS_SECRET_ACCESS_KEY": cloud.KEY,
            "AWS_DEFAULT_REGION": self.settings.region,
            "STACK_NAME": self.settings.stack_name,
            "BUS_NAME": stack["BusName"],
            "ARTIFACT_BUCKET": stack["ArtifactBucketName"],
            "CLUSTER_NAME": stack["ClusterName"],
            "USER_POOL_ID": stack["UserPoolId"],
            "USER_POOL_CLIENT_ID": stack["UserPoolClientId"],
        }
        environment.write(self.settings.env_file, values)

    def _router(self, _stack: dict[str, str]) -> None:
        with self.progress.phase("Router") as phase:
            deadline = time.monotonic() + ROUTER_SECONDS
            while not answers(f"{self.settings.router_url}/health/ready"):
                if time.monotonic() > deadline:
                    raise daemons.DaemonError(
                        f"The router does not answer on {self.settings.router_url}. If another program has the port "
                        f"(`ss -ltnp | grep {self.settings.router_port}`), choose one: SLIPWAY_ROUTER_PORT=<port> make up\n"
                        f"`make status` shows its task; its log is in the log groups of the emulated CloudWatch Logs."
                    )
                time.sleep(0.1)
            phase.note(self.settings.router_url)

    def _model(self, stack: dict[str, str]) -> None:
        values = environment.read(self.settings.env_file)
        api = Management(values["MANAGEMENT_URL"], values["ADMIN_TOKEN"])
        if model.status(api) == "InService":
            with self.progress.phase(weights.MODEL_ID) as phase:
                model.await_route(values["OPENAI_BASE_URL"], values["OPENAI_API_KEY"])
                phase.note("in service already")
        else:
            model.bring_into_service(api, self.artifact, lambda: Subscription(self.settings, stack["BusName"], "up"), self.progress)
        model.ask(values["OPENAI_BASE_URL"], values["OPENAI_API_KEY"], self.progress)

    def _farewell(self) -> None:
        values, say = environment.read(self.settings.env_file), self.progress.line
        say(f"\n[bold]Slipway runs[/bold] [dim]({self.progress.elapsed:.1f} s)[/dim]")
        for name in ("MANAGEMENT_URL", "OPENAI_BASE_URL", "ADMIN_TOKEN", "OPENAI_API_KEY", "AWS_ENDPOINT_URL"):
            say(f"  {name:16} {values[name]}")
        shown = self.settings.env_file.relative_to(ROOT) if self.settings.env_file.is_relative_to(ROOT) else self.settings.env_file
        say(f"\nTry next, after [bold]set -a; . {shown}; set +a[/bold]")
        body = f'{{"model": "{weights.MODEL_ID}", "messages": [{{"role": "user", "content": "Hello!"}}]}}'
        key, admin, kind = (
            f'-H "{header}"' for header in ("Authorization: Bearer $OPENAI_API_KEY", "Authorization: Bearer $ADMIN_TOKEN", JSON_TYPE)
        )
        for command in (
            f"curl -s $OPENAI_BASE_URL/chat/completions {key} {kind} -d '{body}'",
            f"curl -s $MANAGEMENT_URL/models/{weights.MODEL_ID}/events {admin}",
            "make cli         (and then: .local/venvs/cli/bin/slipway models list)",
            "make tail        (and in another shell: delete the model, or kill its engine)",
        ):
            self.progress.console.print(f"  {command}", markup=False)


def computed(settings: Settings) -> dict[str, str]:
    """The template's parameters that only this machine knows. Images are tagged by their code, so that new code is a new deployment."""
    tag = deployment.image_tag()
    allowed = os.environ.get("SLIPWAY_API_BASE_ALLOW_LIST")  # private hosts that third parties' models may be at
    return ({"ApiBaseAllowList": allowed} if allowed else {}) | {
        "Environment": settings.environment,
        "PythonRuntime": f"python3.{sys.version_info.minor}",
        "Architecture": deployment.architecture(),
        "IdentityEndpoint": settings.endpoint,
        "RouterImage": f"slipway/router:{tag}",
        "RouterDesiredCount": "1",
        "GpuCapacity": "None",
        "EngineImageLlamaCpp": f"slipway/engine-llama-cpp:{tag}",
        "EngineImageMock": f"slipway/engine-mock:{tag}",
    }


def check_machine() -> None:
    """Raises PrerequisiteError on a machine that process containers cannot run on."""
    if not sys.platform.startswith("linux"):
        raise PrerequisiteError(
            "The laptop's containers are Linux processes with loopback addresses of their own: use Linux (WSL 2 and VMs work too)."
        )


def check_port(settings: Settings) -> None:
    """Raises PrerequisiteError when what is deployed here was deployed on another port: queues, functions and tasks hold its address."""
    before = environment.read(settings.env_file).get("AWS_ENDPOINT_URL", settings.endpoint)
    if before != settings.endpoint and settings.state.exists():
        port = before.rsplit(":", 1)[-1]
        raise PrerequisiteError(
            f"The platform in {settings.home} was made on port {port}, and its state keeps to it. SLIPWAY_EMULATOR_PORT={port} make up\n"
            f"continues it; `make clean` and then `make up` begin anew on port {settings.emulator_port}."
        )


def answers(url: str) -> bool:
    """Whether a GET answers 200."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)  # noqa: PLR2004
    except (urllib.error.URLError, OSError):
        return False


def main() -> int:
    """Run; 0 when the platform is up."""
    parser = argparse.ArgumentParser(prog="make up", description="Start Slipway on this machine and bring its first model into service.")
    parser.add_argument(
        "--no-model", action="store_true", default=bool(os.environ.get("SLIPWAY_NO_MODEL")), help="stop before creating the model"
    )
    options = parser.parse_args()
    progress = Progress()
    interrupt_once(signal.SIGTERM, signal.SIGHUP)  # what we subscribed to is given back on the way out
    try:
        settings = Settings.from_environment()
        settings.run.mkdir(parents=True, exist_ok=True)
        with (settings.run / "up.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                progress.line("Another `make up` is at work here; waiting for it.")
                fcntl.flock(lock, fcntl.LOCK_EX)
            Up(settings, progress, with_model=not options.no_model).run()
    except (*EXPECTED, PrerequisiteError) as error:
        progress.console.print(f"\n{error}", style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        progress.line("\nInterrupted. What was started runs on: `make up` continues, `make down` stops it.")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
