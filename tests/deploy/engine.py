"""The few commands of `docker compose` that the smoke script needs, without Docker: `engine.py STATE COMMAND …`.

Each service of docker-compose.yml runs as it says there: its command, user, environment, mounts and health check, without capabilities to
gain, in a root file system of its own that is mounted read-only. Only the network is simpler: every service has the loopback of the
namespace that run.sh made. Run it there: it mounts, and services listen on fixed ports.
"""

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import yaml

import image

COMPOSE = yaml.safe_load((image.ROOT / "docker-compose.yml").read_text())
SECRETS = "deploy/secrets/"
HEALTHY_WITHIN = 60  # seconds

# What the container engine does between unshare(2) and execve(2).
ENTER = r"""
root=$1 uid=$2 gid=$3
shift 3
mount --bind "$root" "$root"
while [ "$1" != -- ]; do
    mount --bind "$2" "$root$3"
    [ "$1" = rw ] || mount -o remount,bind,ro "$root$3"
    shift 3
done
shift
mount -o remount,bind,ro "$root"
exec setpriv --no-new-privs --bounding-set=-all,+setuid,+setgid,+sys_chroot --inh-caps=-all \
    chroot --userspec="$uid:$gid" --groups= "$root" "$@"
"""


class Engine:
    def __init__(self, state, compose):
        self.state = state
        self.secrets = state / "secrets"
        self.services = compose["services"]
        self.children = {}
        for folder in ("roots", "volumes", "processes", "logs"):
            (state / folder).mkdir(parents=True, exist_ok=True)

    def host_path(self, path):
        """The secrets of a test are not those of the working tree."""
        return self.secrets / path.removeprefix(SECRETS) if path.startswith(SECRETS) else image.ROOT / path

    def root(self, name):
        root = self.state / "roots" / name
        if not root.exists():
            root.mkdir()
            service = self.services[name]
            image.ROOTS[re.sub(r":[^:/]*$", "", service["image"])](root)
            hosts = " ".join(self.services)
            (root / "etc").mkdir(exist_ok=True)
            (root / "etc/hosts").write_text(f"127.0.0.1 localhost {hosts}\n")
        return root

    def mounts(self, name, root):
        for mount in self.services[name].get("volumes", []):
            target = root / mount["target"].lstrip("/")
            if mount["type"] == "volume":
                source = self.state / "volumes" / mount["source"]
                if not source.exists():
                    # A new volume takes over what the image has there, its owner above all.
                    subprocess.run(["cp", "-pR", target, source], check=True)
            else:
                source = self.host_path(mount["source"])
                target.parent.mkdir(parents=True, exist_ok=True)
                target.mkdir(exist_ok=True) if source.is_dir() else target.touch()
            yield from ("ro" if mount.get("read_only") else "rw", str(source), mount["target"])

    def environment(self, name):
        variables = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
        for file in self.services[name].get("env_file", []):
            variables |= dict(line.split("=", 1) for line in self.host_path(file).read_text().splitlines())
        return variables

    def inside(self, name, command, **options):
        """Starts a command in the root of a service."""
        service = self.services[name]
        assert service["read_only"] and service["cap_drop"] == ["ALL"] and service["security_opt"] == ["no-new-privileges:true"]
        root = self.root(name)
        arguments = [root, *service["user"].split(":"), *self.mounts(name, root), "--", *command]
        return subprocess.Popen(["unshare", "--mount", "sh", "-euc", ENTER, "sh", *arguments], env=self.environment(name), **options)

    def command(self, name, extra=()):
        service = self.services[name]
        entrypoint = service.get("entrypoint", image.default("ENTRYPOINT") if service["image"] == image.CAMBIST else [])
        return [*entrypoint, *(extra or service.get("command", []))]

    def pid_file(self, name):
        return self.state / "processes" / name

    def ask(self, name, *arguments):
        """Runs the service's program with other arguments: exit code and everything it printed."""
        process = self.inside(name, self.command(name, arguments), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        output, _ = process.communicate(timeout=60)
        return process.returncode, output.decode()

    def running(self, name):
        try:
            pid = int(self.pid_file(name).read_text())
            os.kill(pid, 0)
            # A process that ended, and whose parent does not care.
            return not re.search(r"^State:\s+Z", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
        except (OSError, ValueError):
            return False

    def start(self, name):
        if self.running(name):
            return
        with (self.state / "logs" / name).open("ab") as log:
            process = self.inside(name, self.command(name), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        self.pid_file(name).write_text(str(process.pid))
        self.children[name] = process

    def healthy(self, name):
        kind, *test = self.services[name]["healthcheck"]["test"]
        # `$$` is how a compose file writes `$`.
        test = [word.replace("$$", "$") for word in test]
        probe = self.inside(name, ["sh", "-c", *test] if kind == "CMD-SHELL" else test, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        output, _ = probe.communicate(timeout=30)
        return probe.returncode == 0, output.decode()

    def up(self, *names):
        for name in names or [name for name, service in self.services.items() if "profiles" not in service]:
            if needed := self.needs(name):
                self.up(*needed)
            self.start(name)
            self.wait(name)

    def needs(self, name):
        return [*self.services[name].get("depends_on", [])]

    def wait(self, name):
        end = time.monotonic() + HEALTHY_WITHIN
        while True:
            healthy, said = self.healthy(name)
            if healthy:
                return
            if time.monotonic() > end or not self.running(name):
                log = (self.state / "logs" / name).read_text(errors="replace")
                sys.exit(f"engine: {name} is not healthy: {said}\n{log}")
            time.sleep(0.2)

    def run(self, name, dependencies, arguments):
        if dependencies and (needed := self.needs(name)):
            self.up(*needed)
        return self.inside(name, self.command(name, arguments), stdin=subprocess.DEVNULL).wait(120)

    def end(self, name, how):
        """Ends it, and waits; its exit code, if this very process started it."""
        if self.running(name):
            os.kill(int(self.pid_file(name).read_text()), how)
        while self.running(name):
            time.sleep(0.05)
        self.pid_file(name).unlink(missing_ok=True)
        return self.children.pop(name).wait() if name in self.children else None

    def down(self):
        """Ends everything, those that need others first; the exit codes of what this process started."""
        codes = {name: self.end(name, signal.SIGTERM) for name in reversed(self.services)}
        return {name: code for name, code in codes.items() if code is not None}


def main(state, command, *arguments):
    engine = Engine(Path(state), COMPOSE)
    flags = [word for word in arguments if word.startswith("-")]
    words = [word for word in arguments if not word.startswith("-")]
    match command:
        case "build":
            for name in words:
                engine.root(name)
        case "up":
            engine.up(*words)
        case "run":
            at = arguments.index(words[0])
            return engine.run(words[0], "--no-deps" not in arguments[:at], arguments[at + 1 :])
        case "kill":
            engine.end(*words, signal.SIGKILL)
        case "stop":
            engine.end(*words, signal.SIGTERM)
        case "down":
            engine.down()
        case _:
            sys.exit(f"engine: {shlex.join([command, *flags])} is not known here")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
