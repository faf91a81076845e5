"""Where the platform is, and whose token goes there."""

from pathlib import Path

import pytest

from slipway_cli.errors import UsageError
from slipway_cli.settings import Settings, load, read_env_file
from tests.unit.cli.running import ENVIRONMENT, TOKEN, Terminal, without

CONFIG = """
default_profile = "laptop"

[profiles.laptop]
env_file = "laptop.env"

[profiles.prod]
management_url = "https://prod.example"
token_file = "prod.token"
openai_api_key_env = "PROD_KEY"

[profiles.odd]
token = "written down"
"""


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """An environment with a configuration file, and nothing else."""
    (tmp_path / "slipway").mkdir()
    (tmp_path / "slipway" / "config.toml").write_text(CONFIG)
    (tmp_path / "slipway" / "laptop.env").write_text("# mine\nexport MANAGEMENT_URL='http://127.0.0.1:4566/x'\nADMIN_TOKEN=slp_laptop\n")
    (tmp_path / "slipway" / "prod.token").write_text("slp_prod\n")
    return {"XDG_CONFIG_HOME": str(tmp_path)}


def test_the_environment_as_make_up_writes_it_is_understood() -> None:
    """MANAGEMENT_URL and ADMIN_TOKEN are enough."""
    found = load(ENVIRONMENT)
    assert (found.address("management_url"), found.token, found.source) == ("https://api.example/dev", TOKEN, "the environment")


def test_own_variables_go_before_the_common_ones() -> None:
    """SLIPWAY_MANAGEMENT_URL and SLIPWAY_TOKEN win."""
    found = load(ENVIRONMENT | {"SLIPWAY_MANAGEMENT_URL": "https://other.example", "SLIPWAY_TOKEN": "slp_other"})
    assert (found.management_url, found.token) == ("https://other.example", "slp_other")


def test_a_file_of_variables_is_read_as_a_shell_would(tmp_path: Path) -> None:
    """Comments, quotes, export and an equals sign within a value."""
    path = tmp_path / "env"
    path.write_text("# A=1\nexport B=\"two words\"\nC='x=y'\n\nD=\n")
    assert read_env_file(path) == {"B": "two words", "C": "x=y", "D": ""}


def test_the_default_profile_counts_where_the_environment_says_nothing(home: dict[str, str]) -> None:
    """Files that a profile names are beside the configuration file."""
    found = load(home)
    assert (found.source, found.management_url, found.token) == ("profile laptop", "http://127.0.0.1:4566/x", "slp_laptop")


def test_the_environment_goes_before_the_default_profile_and_after_a_named_one(home: dict[str, str]) -> None:
    """What is said explicitly wins."""
    assert load(home | ENVIRONMENT).source == "the environment"
    assert load(home | ENVIRONMENT, profile="prod").management_url == "https://prod.example"
    assert load(home | ENVIRONMENT | {"SLIPWAY_PROFILE": "prod"}).management_url == "https://prod.example"


def test_a_token_is_never_sent_to_another_places_address(home: dict[str, str]) -> None:
    """A profile without a token does not borrow the environment's."""
    found = load(home | ENVIRONMENT | {"PROD_KEY": "slp_key"}, profile="prod")
    assert (found.token, found.openai_api_key) == ("slp_prod", "slp_key")
    assert found.openai_base_url == ""


def test_an_unknown_key_of_a_profile_is_named(home: dict[str, str]) -> None:
    """A token written into the configuration is not silently passed over."""
    with pytest.raises(UsageError, match="unknown key: token"):
        load(home, profile="odd")


def test_an_unknown_profile_is_told_what_there_is(home: dict[str, str]) -> None:
    """The hint lists the profiles."""
    with pytest.raises(UsageError) as refused:
        load(home, profile="staging")
    assert "laptop, odd, prod" in refused.value.hint


def test_two_places_at_once_are_refused() -> None:
    """--env-file and --profile contradict each other."""
    with pytest.raises(UsageError, match="one of them"):
        load({}, profile="x", env_file=Path("y"))


def test_no_secret_is_in_a_representation() -> None:
    """A traceback or a log that shows the settings shows no token."""
    assert TOKEN not in repr(load(ENVIRONMENT))
    assert ENVIRONMENT["OPENAI_API_KEY"] not in repr(load(ENVIRONMENT))


@pytest.mark.parametrize("url", ["http://api.example", "http://10.0.0.1/x", "http://127.0.0.1.example"])
def test_a_token_is_not_sent_in_clear_to_another_machine(url: str) -> None:
    """http:// is for this machine, or for whoever says that the network is theirs."""
    with pytest.raises(UsageError, match="could read the token"):
        Settings("x", management_url=url).address("management_url")
    assert Settings("x", management_url=url, allow_http=True).address("management_url") == url


@pytest.mark.parametrize("url", ["http://127.0.0.1:4566/_aws", "http://[::1]:80", "http://localhost:4000"])
def test_this_machine_may_be_spoken_to_in_clear(url: str) -> None:
    """The laptop has no certificates."""
    assert Settings("x", management_url=url).address("management_url") == url


@pytest.mark.parametrize("url", ["ftp://x", "api.example", "https://user:secret@api.example", "https://"])
def test_what_is_no_address_is_refused(url: str) -> None:
    """Before anything is sent."""
    with pytest.raises(UsageError, match="no address"):
        Settings("x", management_url=url).address("management_url")


def test_without_a_platform_the_hint_says_how_to_name_one() -> None:
    """Exit code 2."""
    ended = without(Terminal(), "MANAGEMENT_URL").run("models", "list")
    assert ended.code == 2
    assert "--env-file .local/env" in ended.err


def test_a_person_is_asked_for_a_token_that_is_not_there() -> None:
    """It is sent, and not shown."""
    terminal = without(Terminal(secret="slp_typed"), "ADMIN_TOKEN")
    ended = terminal.run("models", "list")
    assert terminal.questions == ["API token for the environment"]
    assert terminal.api.asked[-1].headers["authorization"] == "Bearer slp_typed"
    assert "slp_typed" not in ended.out + ended.err


def test_a_script_without_a_token_is_told_so() -> None:
    """Nobody is asked where nobody is."""
    ended = without(Terminal(), "ADMIN_TOKEN").run("models", "list")
    assert (ended.code, "holds no API token" in ended.err) == (2, True)


def test_a_token_that_no_header_can_carry_is_refused_without_being_shown() -> None:
    """A file with two lines, say."""
    ended = Terminal(environ=ENVIRONMENT | {"ADMIN_TOKEN": "slp_a\nslp_b"}).run("models", "list")
    assert (ended.code, "slp_a" in ended.err) == (2, False)


def test_config_show_tells_where_from_and_no_secret() -> None:
    """Not even in part."""
    ended = Terminal().run("config", "show", "--json")
    assert '"token": "set"' in ended.out
    assert '"source": "the environment"' in ended.out
    assert "slp_" not in ended.out + ended.err
