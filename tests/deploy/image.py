"""What the Dockerfile says, and root file systems made as it says."""

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
BINARY = Path(os.environ.get("CAMBIST_BIN", ROOT / "target/debug/cambist"))
CAMBIST = "cambist:local"


def instructions():
    """The instructions of the Dockerfile as (name, flags, words), continuation lines joined."""
    text = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text())
    found = []
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        name, rest = line.split(maxsplit=1)
        flags = []
        while rest.startswith("--"):
            flag, rest = rest.split(maxsplit=1)
            flags.append(flag)
        words = [word.strip('",') for word in rest.strip("[]").split()] if rest.startswith("[") else shlex.split(rest)
        found.append((name, flags, words))
    return found


def stages():
    """The instructions of the stage that builds, and of the one that is shipped."""
    every = instructions()
    first, last = [at for at, (name, _, _) in enumerate(every) if name == "FROM"]
    return every[first:last], every[last:]


def default(name):
    """What ENTRYPOINT, CMD or USER of the shipped stage says."""
    [words] = [words for instruction, _, words in stages()[1] if instruction == name]
    return words


def cambist_root(into):
    """The image of cambist: deploy/rootfs.sh, then the COPY instructions of the last stage."""
    out = into.with_name(into.name + ".out")
    subprocess.run([ROOT / "deploy/rootfs.sh", BINARY, out], check=True)
    for _, flags, (source, target) in [found for found in stages()[1] if found[0] == "COPY"]:
        assert flags[0] == "--from=build" and source.startswith("/out/"), source
        source, target = out / source.removeprefix("/out/"), into / target.lstrip("/")
        owner = [flag.removeprefix("--chown=") for flag in flags if flag.startswith("--chown=")]
        for folder in source.rglob("*") if owner else ():
            os.chown(folder, *map(int, owner[0].split(":")))
        # -p and -R keep owners and modes; the slash and the dot copy what is in the folder, as COPY does.
        target.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-pR", f"{source}/.", target], check=True)
    shutil.rmtree(out)


def programs_root(into, *names):
    """Stands in for an image of somebody else: these programs of this machine, with the libraries they load."""
    for name in names:
        program = Path(shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin") or f"/missing/{name}")
        listed = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
        libraries = re.findall(r"(/\S+)(?= \(0x)", listed)
        for source, target in [(program, f"usr/bin/{name}"), *((library, library) for library in libraries)]:
            copy = into / str(target).lstrip("/")
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, copy)
    (into / "bin").symlink_to("usr/bin")


def redis_root(into):
    programs_root(into, "sh", "redis-server", "redis-cli")
    (into / "data").mkdir()
    os.chown(into / "data", 999, 999)


def curl_root(into):
    programs_root(into, "curl")


# By image, without its tag.
ROOTS = {
    "cambist": cambist_root,
    "docker.io/library/redis": redis_root,
    "docker.io/curlimages/curl": curl_root,
}
