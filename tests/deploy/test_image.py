"""The Dockerfile, and the root that it makes."""

import fnmatch
import json
import re
import subprocess

import pytest

import image
from engine import COMPOSE

BUILD, SHIPPED = image.stages()


def copied():
    """What the build copies from the repository."""
    return [source.rstrip("/") for name, flags, words in BUILD if name == "COPY" and not flags for source in words[:-1]]


def ignored(path):
    """Whether .dockerignore keeps it out: the last pattern that fits decides."""
    out = False
    for pattern in (image.ROOT / ".dockerignore").read_text().splitlines():
        if pattern and not pattern.startswith("#"):
            keep, pattern = pattern.startswith("!"), pattern.removeprefix("!")
            parts = path.split("/")
            if any(fnmatch.fnmatchcase("/".join(parts[: depth + 1]), pattern) for depth in range(len(parts))):
                out = not keep
    return out


def test_everything_that_is_copied_exists_and_nothing_else_is_sent():
    for source in copied():
        assert (image.ROOT / source).exists() and not ignored(source), source
    sent = subprocess.run(["git", "ls-files"], cwd=image.ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    sent = [file for file in [*sent, "deploy/secrets/keys.env", "target/debug/cambist", ".git/config"] if not ignored(file)]
    strays = [file for file in sent if not any(file == source or file.startswith(f"{source}/") for source in copied())]
    assert sent and not strays


def test_everything_that_is_compiled_in_is_copied():
    for file in (image.ROOT / "src").rglob("*.rs"):
        text = file.read_text().split("#[cfg(test)]\nmod tests")[0]
        if "tests" in file.parts or file.name == "tests.rs":
            continue
        for name in re.findall(r'include_(?:str|bytes)!\("([^"]+)"\)', text):
            path = str((file.parent / name).resolve().relative_to(image.ROOT))
            assert any(path == source or path.startswith(f"{source}/") for source in copied()), f"{file} includes {path}"


def test_the_build_installs_what_it_needs_and_is_locked():
    steps = [" ".join(words) for name, _, words in BUILD if name == "RUN"]
    assert steps[0] == "scripts/install-deps.sh build"
    assert "cargo build --locked --release" in steps[1] and "deploy/rootfs.sh target/release/cambist /out" in steps[1]
    [oldest] = re.findall(r'rust-version = "1\.(\d+)"', (image.ROOT / "Cargo.toml").read_text())
    assert f"rust_minor={oldest} " in (image.ROOT / "scripts/install-deps.sh").read_text(), "the build says when its toolchain is too old"


def test_what_is_shipped_comes_from_the_build_alone():
    assert SHIPPED[0][2] == ["scratch"]
    assert {name for name, _, _ in SHIPPED} == {"FROM", "LABEL", "COPY", "USER", "ENTRYPOINT", "CMD"}, "nothing is run, nothing downloaded"
    assert all(flags[0] == "--from=build" for name, flags, _ in SHIPPED if name == "COPY")
    [user] = image.default("USER")
    assert all(part.isdigit() and part != "0" for part in user.split(":"))


def test_a_binary_with_another_library_is_not_laid_out(tmp_path):
    answer = subprocess.run([image.ROOT / "deploy/rootfs.sh", "/bin/bash", tmp_path / "out"], capture_output=True, text=True, check=False)
    assert answer.returncode == 1 and "libtinfo" in answer.stderr, answer.stderr


CONFIG = """
issuer = "http://127.0.0.1:8080"
[store]
url = "sqlite:/var/lib/cambist/cambist.db"
[decisions]
file = "/var/lib/cambist/decisions.jsonl"
"""
TRUST = """
[issuer.ci]
url = "https://issuer.invalid"
owner = "ci@example.com"
[target.deploy]
audience = "https://deploy.example.com"
owner = "deploy@example.com"
[target.deploy.scopes]
"deploy:web" = "Deploy"
[trust.web]
issuer = "ci"
owner = "web@example.com"
purpose = "Try to reach an issuer"
review_by = 2099-12-31
when = { sub = "web" }
grant = [{ target = "deploy", scopes = ["deploy:web"] }]
"""


@pytest.fixture
def alone(tmp_path, engine):
    """One node on SQLite that trusts an issuer on the internet, as `serve` of the image runs it."""
    (tmp_path / "trust").mkdir()
    (tmp_path / "cambist.toml").write_text(CONFIG)
    (tmp_path / "trust/ci.toml").write_text(TRUST)
    service = COMPOSE["services"]["node-a"] | {"command": image.default("CMD"), "env_file": [], "depends_on": {}}
    files = {"/etc/cambist/cambist.toml": tmp_path / "cambist.toml", "/etc/cambist/trust": tmp_path / "trust"}
    service["volumes"] = [{"type": "bind", "source": str(source), "target": target, "read_only": True} for target, source in files.items()]
    service["volumes"].append({"type": "volume", "source": "alone", "target": "/var/lib/cambist"})
    return engine({"services": {"alone": service}})


@pytest.mark.contained
def test_the_root_holds_the_program_and_what_it_loads(alone):
    root = alone.root("alone")
    found = {str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir()}
    libraries = {path for path in found if re.fullmatch(r"(usr/)?lib\S*/(ld-linux\S*\.so\.\d+|lib(c|m)\.so\.6|libgcc_s\.so\.1)", path)}
    assert len(libraries) == 4
    # The engine's own: hosts.
    assert found - libraries == {
        "usr/bin/cambist",
        "etc/ssl/certs/ca-certificates.crt",
        "etc/nsswitch.conf",
        "etc/passwd",
        "etc/group",
        "etc/hosts",
    }
    assert not [path for path in root.rglob("*") if path.stat().st_mode & 0o6022], "nothing runs as another user, nobody else may write"
    owned = {str(path.relative_to(root)) for path in root.rglob("*") if path.stat().st_uid != 0}
    assert owned == {"var/lib/cambist"}


@pytest.mark.contained
def test_commands_run_in_the_empty_root(alone):
    version = re.search(r'^version = "(.*)"', (image.ROOT / "Cargo.toml").read_text(), re.MULTILINE)[1]
    assert alone.ask("alone", "--version") == (0, f"cambist {version}\n")
    code, said = alone.ask("alone", "check", "--strict", "--config", "/etc/cambist/cambist.toml")
    assert (code, said) == (0, "1 issuer, 1 relationship, 0 trust tests: 0 errors, 0 warnings\n")


@pytest.mark.contained
@pytest.mark.parametrize(
    ("bundle", "expected"),
    [
        # It found its authorities and got as far as the name, which does not exist.
        ("present", ["the name `issuer.invalid` cannot be resolved"]),
        ("removed", ["No CA certificates were loaded", "/etc/ssl/certs/ca-certificates.crt", "`ca_file`"]),
        ("empty", ["No CA certificates were loaded", "/etc/ssl/certs/ca-certificates.crt", "`ca_file`"]),
    ],
)
def test_the_server_finds_its_authorities_or_says_what_is_missing(alone, bundle, expected):
    authorities = alone.root("alone") / "etc/ssl/certs/ca-certificates.crt"
    if bundle == "removed":
        authorities.unlink()
    elif bundle == "empty":
        authorities.write_text("")
    alone.up("alone")
    _, said = alone.healthy("alone")
    state = json.loads(said)
    while not state["issuers"][0]["last_error"]:
        state = json.loads(alone.healthy("alone")[1])
    assert state["degraded"] == ["issuer_keys_unavailable"]
    assert all(part in state["issuers"][0]["last_error"] for part in expected), state
    assert alone.down() == {"alone": 0}, "it drains on SIGTERM"
