"""docker-compose.yml: whether it is one, and whether everything it passes is real."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import image
from engine import COMPOSE, SECRETS

SERVICES = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"] == image.CAMBIST}
NODES = ["node-a", "node-b"]
ACL = (image.ROOT / "deploy/redis/users.acl").read_text()


def cambist(*arguments):
    return subprocess.run([image.BINARY, *arguments], capture_output=True, text=True, timeout=60, check=False)


def mounts(name, kind):
    return {mount["target"]: mount["source"] for mount in SERVICES[name].get("volumes", []) if mount["type"] == kind}


def config(node):
    return tomllib.loads((image.ROOT / mounts(node, "bind")["/etc/cambist/cambist.toml"]).read_text())


@pytest.fixture(scope="module")
def secrets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prepared") / "secrets"
    subprocess.run([image.ROOT / "deploy/compose/prepare.sh", folder], check=True)
    return folder


def variables(folder, name):
    """What the environment files of a service set."""
    files = [folder / file.removeprefix(SECRETS) for file in SERVICES[name].get("env_file", [])]
    return dict(line.split("=", 1) for file in files for line in file.read_text().splitlines())


def test_it_is_valid_by_the_compose_specification():
    checker = Path(sys.executable).with_name("check-jsonschema")
    subprocess.run([checker, "--builtin-schema", "vendor.compose-spec", image.ROOT / "docker-compose.yml"], check=True)


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_hardened(name):
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"] and "cap_add" not in service and "privileged" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert all(part.isdigit() and part != "0" for part in service["user"].split(":")), "by number, and not root"


@pytest.mark.parametrize("name", SERVICES)
def test_no_service_is_reached_from_outside(name):
    assert "ports" not in SERVICES[name], "a development issuer is anybody's who reaches it"
    assert set(SERVICES[name].get("networks", [])) <= {"state"} and COMPOSE["networks"]["state"]["internal"] is True
    assert SERVICES[name].get("network_mode", "service:issuer") == "service:issuer"


@pytest.mark.parametrize("name", OURS)
def test_our_services_run_as_the_image_does(name):
    assert [SERVICES[name]["user"]] == image.default("USER")


@pytest.mark.parametrize("name", OURS)
def test_every_command_is_one_of_ours(name):
    probe = SERVICES[name].get("healthcheck", {}).get("test")
    commands = [[*image.default("ENTRYPOINT"), *SERVICES[name]["command"]], *([probe[1:]] if probe else [])]
    assert SERVICES[name].get("entrypoint") is None
    for program, *arguments in commands:
        assert [program] == image.default("ENTRYPOINT")
        # Names and values are looked at before the help is printed.
        answer = cambist(*arguments, "--help")
        assert answer.returncode == 0, answer.stderr
    assert cambist("store", "start", "--help").returncode == 2, "this would be noticed"


@pytest.mark.parametrize("name", SERVICES)
def test_every_file_that_is_mounted_exists(name, secrets):
    for source in [*mounts(name, "bind").values(), *SERVICES[name].get("env_file", [])]:
        path = secrets / source.removeprefix(SECRETS) if source.startswith(SECRETS) else image.ROOT / source
        assert path.exists(), source
    assert all(mount["read_only"] and not mount["bind"]["create_host_path"] for mount in SERVICES[name].get("volumes", []) if "bind" in mount)
    assert set(mounts(name, "volume").values()) <= set(COMPOSE["volumes"])
    for needed in SERVICES[name].get("depends_on", {}):
        assert "healthcheck" in SERVICES[needed], f"{name} waits until {needed} is healthy"


@pytest.mark.parametrize("name", NODES)
def test_the_configuration_of_a_node_passes_the_check(name):
    answer = cambist("check", "--strict", "--config", image.ROOT / mounts(name, "bind")["/etc/cambist/cambist.toml"])
    assert answer.returncode == 0, answer.stdout + answer.stderr
    # Mounted beside the configuration, as it lies in the repository.
    assert mounts(name, "bind")["/etc/cambist/trust"] == str(Path(mounts(name, "bind")["/etc/cambist/cambist.toml"]).with_name("trust"))


def test_the_nodes_differ_in_listeners_and_name_only():
    first, second = map(config, NODES)
    listeners = [*first.pop("listen").values(), *second.pop("listen").values(), SERVICES["issuer"]["command"][2]]
    assert len(set(listeners)) == 5, "in one namespace each has a port of its own"
    assert all(address.startswith("127.0.0.1:") for address in listeners)
    assert [first["decisions"].pop("node"), second["decisions"].pop("node")] == NODES
    assert first == second
    assert mounts("node-a", "volume") != mounts("node-b", "volume"), "each has a decision log of its own"


def test_the_issuer_mints_what_the_nodes_trust():
    [trusted] = tomllib.loads((image.ROOT / "deploy/compose/trust/dev.toml").read_text())["issuer"].values()
    _, _, listen, _, audience = SERVICES["issuer"]["command"]
    assert trusted["url"] == f"http://{listen}" and audience == config("node-a")["issuer"]


@pytest.mark.parametrize("name", [*NODES, "init"])
def test_every_secret_that_a_configuration_names_is_given(name, secrets):
    named = [config("node-a")["store"]["password"], *config("node-a")["keys"]["encryption_keys"]]
    assert {secret["env"] for secret in named} == set(variables(secrets, name))


def test_redis_is_given_its_password_only(secrets):
    assert set(variables(secrets, "redis")) == {"CAMBIST_REDIS_PASSWORD"}
    assert not any("env_file" in SERVICES[name] for name in ("issuer", "client"))


def test_redis_reads_the_files_that_are_mounted():
    lines = [line.split() for line in (image.ROOT / "deploy/redis/redis.conf").read_text().splitlines()]
    settings = {words[0]: words[1] for words in lines if words and not words[0].startswith("#")}
    assert {settings["aclfile"], SERVICES["redis"]["command"][1]} == set(mounts("redis", "bind"))
    assert settings["dir"] in mounts("redis", "volume")
    assert (settings["appendonly"], settings["maxmemory-policy"]) == ("yes", "noeviction")


def test_secrets_are_made_once_and_rights_every_time(secrets):
    before = {path.name: path.read_text() for path in secrets.iterdir()}
    assert set(before) == {"redis.env", "keys.env", "users.acl"}
    (secrets / "users.acl").write_text("user default on nopass +@all\n")
    subprocess.run([image.ROOT / "deploy/compose/prepare.sh", secrets], check=True)
    assert {path.name: path.read_text() for path in secrets.iterdir()} == before
    modes = {path.name: path.stat().st_mode & 0o777 for path in secrets.iterdir()}
    assert modes == {"redis.env": 0o600, "keys.env": 0o600, "users.acl": 0o644}
    assert before["users.acl"].count("#") == 1 and "<" not in before["users.acl"]
    assert "/deploy/secrets" in (image.ROOT / ".gitignore").read_text().splitlines()


def test_the_documented_rights_are_those_that_are_used():
    [line] = [line for line in ACL.splitlines() if line.startswith("user cambist ")]
    assert line in (image.ROOT / "docs/operations.md").read_text(), "deploy/redis/users.acl and docs/operations.md differ"
    assert ACL.startswith("user default off resetpass ~* &* +@all\n")


def test_the_rights_are_those_that_the_scripts_use():
    sources = [file.read_text() for kind in ("rs", "lua") for file in (image.ROOT / "src").rglob(f"*.{kind}")]
    used = {name.lower() for text in sources for name in re.findall(r"redis\.p?call\('(\w+)'", text)}
    [line] = [line for line in ACL.splitlines() if line.startswith("user cambist ")]
    given = set(re.findall(r" \+(\S+)", line))
    # What is sent outside scripts, and the health check of Redis itself.
    assert given == used | {"evalsha", "script|load", "cluster|nodes", "ping", "subscribe"}
