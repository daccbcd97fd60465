"""The running parts: the issuer, the JavaScript libraries, and cambist itself. Each is a real process."""

import json
import os
import shutil
import signal
import socket
import string
import subprocess
import time
from pathlib import Path

import requests

HERE = Path(__file__).parent
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
JWT = "urn:ietf:params:oauth:token-type:jwt"
START_WITHIN = 30  # seconds
STOP_WITHIN = 30  # seconds
# A new database refuses tokens minted before it can know that none of them was spent: about 15 s.
FENCE_WITHIN = 90  # seconds


class Clock:
    """A deadline to poll against."""

    def __init__(self, seconds):
        self.end = time.monotonic() + seconds

    def open(self):
        return time.monotonic() < self.end


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def ended(process, signal_number):
    """Sends the signal, waits, kills what is left; the exit status, or None when it had to be killed."""
    if process.poll() is None:
        process.send_signal(signal_number)
    try:
        return process.wait(STOP_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return None


class NodeProcess:
    """A script of `node/` that speaks lines of JSON and ends with its standard input."""

    def __init__(self, script, log, **environment):
        self.log = log
        self.process = subprocess.Popen(
            [os.environ.get("NODE", "node"), HERE / "node" / script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log.open("w"),
            text=True,
            env={**os.environ, **environment},
        )

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.process.args[1]} ended:\n{self.log.read_text()}")
        return json.loads(line)

    def ask(self, question):
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        return self.read()

    def stop(self):
        self.process.stdin.close()
        ended(self.process, signal.SIGTERM)


class Issuer:
    """oidc-provider. Its token endpoint is found as any client finds it, by discovery."""

    def __init__(self, log):
        self.node = NodeProcess("issuer.mjs", log)
        ready = self.node.read()
        self.url = ready["issuer"]
        self.secret = ready["secret"]
        self.minted = []
        document = requests.get(f"{self.url}/.well-known/openid-configuration", timeout=10)
        document.raise_for_status()
        self.token_endpoint = document.json()["token_endpoint"]

    def mint(self, client, resource):
        """An access token of this client, by the client credentials grant, for this resource (RFC 8707)."""
        answer = requests.post(
            self.token_endpoint,
            auth=(client, self.secret),
            data={"grant_type": "client_credentials", "resource": resource},
            timeout=10,
        )
        assert answer.status_code == 200, answer.text
        token = answer.json()["access_token"]
        self.minted.append(token)
        return token

    def stop(self):
        self.node.stop()


class Cambist:
    """The binary, with the files of `config/` and nothing else."""

    def __init__(self, binary, directory, parties, certificate=None):
        """`parties` are whom it trusts: the issuer, the trust domain, the signer, the resource server. With a certificate it speaks TLS and nothing else."""
        issuer, trust_domain, signer, resource_server = parties
        self.binary = binary
        self.directory = directory
        self.issuer = issuer
        self.issued = []
        self.process = None
        port = free_port()
        self.url = f"{'https' if certificate else 'http'}://127.0.0.1:{port}"
        self.authority = str(certificate.authority) if certificate else True
        pair = f'{{ certificate = "{certificate.certificate}", key = {{ file = "{certificate.key}" }} }}' if certificate else ""
        self.log = directory / "cambist.log"
        self.config = directory / "config" / "cambist.toml"
        known = {
            "URL": self.url,
            "PUBLIC_PORT": port,
            "TLS": f"tls    = {pair}" if certificate else "",
            "ADMIN_PORT": free_port(),
            "ISSUER": issuer.url,
            "BUNDLE_ENDPOINT": trust_domain.bundle_endpoint,
            **resource_server.members(),
        }
        shutil.copytree(HERE / "config", directory / "config")
        for file in self.config.parent.rglob("*.toml"):
            file.write_text(string.Template(file.read_text()).substitute(known))
        (directory / "config" / "trust" / "signer.jwks").write_text(json.dumps(signer.key_set))
        (directory / "config" / "trust" / "shop-api.jwks").write_text(json.dumps(resource_server.key_set))

    def run(self, *arguments):
        return subprocess.run([self.binary, *arguments, "--config", self.config], capture_output=True, text=True, timeout=60)

    def start(self):
        self.process = subprocess.Popen(
            [self.binary, "serve", "--config", self.config],
            stdin=subprocess.DEVNULL,
            stdout=self.log.open("w"),
            stderr=subprocess.STDOUT,
        )
        clock = Clock(START_WITHIN)
        while clock.open():
            if self.process.poll() is not None:
                break
            try:
                if requests.get(f"{self.url}/readyz", timeout=5, verify=self.authority).status_code == 200:
                    return
            except requests.ConnectionError:
                pass
            time.sleep(0.1)
        raise RuntimeError(f"cambist is not ready (exit status {self.process.poll()}); its log:\n{self.log.read_text()}")

    def metadata(self, document="openid-configuration"):
        answer = requests.get(f"{self.url}/.well-known/{document}", timeout=10, verify=self.authority)
        answer.raise_for_status()
        return answer.json()

    def exchange(self, subject_token, **form):
        """One request to the token endpoint that the metadata names."""
        answer = requests.post(
            self.metadata()["token_endpoint"],
            data={"grant_type": TOKEN_EXCHANGE, "subject_token_type": JWT, "subject_token": subject_token, **form},
            timeout=30,
            verify=self.authority,
        )
        if answer.status_code == 200:
            self.issued.append(answer.json()["access_token"])
        return answer

    def wait_for_the_fence(self, client, **form):
        """What a client does about `Retry-After`: wait as told, and come back with a new token."""
        clock = Clock(FENCE_WITHIN)
        while True:
            answer = self.exchange(self.issuer.mint(client, self.url), **form)
            if answer.status_code == 200:
                return
            wait = answer.headers.get("Retry-After")
            if wait is None or not clock.open():
                raise RuntimeError(f"no token: {answer.status_code} {answer.text}; cambist's log:\n{self.log.read_text()}")
            time.sleep(int(wait))

    def stop(self):
        """Asks politely; the exit status, or None when it had to be killed."""
        return ended(self.process, signal.SIGTERM) if self.process else None

    def files_with(self, secrets):
        """The files that hold one of these texts: logs, decisions, database."""
        needles = [secret.encode() for secret in secrets]
        written = (file for file in self.directory.rglob("*") if file.is_file())
        return sorted(str(file) for file in written if any(needle in file.read_bytes() for needle in needles))
