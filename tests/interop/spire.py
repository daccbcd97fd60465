"""A SPIFFE trust domain: the Workload API on a unix socket, and the bundle on a loopback port.

The library `spiffe` is the client of the one, cambist of the other. What stands here between them is as small as the standards allow:
JWT-SVIDs as SPIRE makes them, a bundle that also holds a key of another kind, and the messages of the Workload API from the library's own
definitions.
"""

import http.server
import json
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import grpc
import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from spiffe._proto import workload_pb2, workload_pb2_grpc

TRUST_DOMAIN = "acme.example"
WORKLOAD = f"spiffe://{TRUST_DOMAIN}/ns/payments/sa/ledger"
LIFETIME = 300  # seconds: SPIRE's default


class TrustDomain(workload_pb2_grpc.SpiffeWorkloadAPIServicer):
    """Keys, the Workload API for whoever reaches its socket, and the bundle endpoint."""

    def __init__(self, directory):
        directory.mkdir()
        self.minted = []
        self.spiffe_id = WORKLOAD
        self.rotate()
        self.socket = f"unix://{directory / 'agent.sock'}"
        self.agent = grpc.server(ThreadPoolExecutor(max_workers=4))
        workload_pb2_grpc.add_SpiffeWorkloadAPIServicer_to_server(self, self.agent)
        self.agent.add_insecure_port(self.socket)
        self.agent.start()
        self.endpoint = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler(self))
        self.bundle_endpoint = f"http://127.0.0.1:{self.endpoint.server_port}/bundle"
        threading.Thread(target=self.endpoint.serve_forever, daemon=True).start()

    def rotate(self):
        """From now on another key signs, and only it is in the bundle."""
        self.key, self.key_id = ec.generate_private_key(ec.SECP256R1()), str(uuid.uuid4())

    def bundle(self):
        key = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(self.key.public_key()))
        other = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()).public_key()))
        keys = [{**other, "use": "x509-svid"}, {**key, "use": "jwt-svid", "kid": self.key_id}]
        return {"keys": keys, "spiffe_sequence": 1, "spiffe_refresh_hint": 60}

    def svid(self, audience, **changes):
        """A JWT-SVID, with no more than SPIRE writes into it."""
        now = int(time.time())
        claims = {"sub": self.spiffe_id, "aud": audience, "exp": now + LIFETIME, "iat": now, **changes}
        token = jwt.encode(claims, self.key, "ES256", {"kid": self.key_id})
        self.minted.append(token)
        return token

    def FetchJWTSVID(self, request, context):
        token = self.svid(list(request.audience))
        return workload_pb2.JWTSVIDResponse(svids=[workload_pb2.JWTSVID(spiffe_id=self.spiffe_id, svid=token)])

    def FetchJWTBundles(self, request, context):
        # To workloads an agent gives the keys for JWT-SVIDs alone.
        keys = [key for key in self.bundle()["keys"] if key["use"] == "jwt-svid"]
        yield workload_pb2.JWTBundlesResponse(bundles={f"spiffe://{TRUST_DOMAIN}": json.dumps({"keys": keys}).encode()})

    def stop(self):
        self.endpoint.shutdown()
        self.endpoint.server_close()
        self.agent.stop(None).wait()


def handler(trust_domain):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = json.dumps(trust_domain.bundle()).encode()
            self.send_response(200 if self.path == "/bundle" else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            """Nothing: the run's own output is about tests."""

    return Handler
