// oidc-provider as the issuer of subject tokens, on a free loopback port.
//
// Its clients get JWT access tokens (RFC 9068, `typ: at+jwt`) by the client credentials grant, for whatever resource (RFC 8707) they
// name; the client's id says which algorithm signs. Prints one JSON line when it listens, and ends when its standard input does.

import { once } from 'node:events';
import { createServer } from 'node:http';
import { randomBytes, randomUUID } from 'node:crypto';

import { exportJWK, generateKeyPair } from 'jose';
import { errors, Provider } from 'oidc-provider';

// `Ed25519` is RFC 9864's name of what RFC 8037 calls `EdDSA`.
const CLIENTS = {
  'robot-rs256': 'RS256',
  'robot-es256': 'ES256',
  'robot-ps256': 'PS256',
  'robot-eddsa': 'EdDSA',
  'robot-ed25519': 'Ed25519',
  'nightly-report': 'RS256',
  'quick-report': 'ES256',
  'nobody-registered-me': 'RS256',
};

// One key per key type, without `alg`: the RSA key signs RS256 and PS256, as oidc-provider does it when nobody says otherwise.
async function privateKeys() {
  const keys = [];
  for (const algorithm of ['RS256', 'ES256', 'EdDSA']) {
    const { privateKey } = await generateKeyPair(algorithm, { extractable: true });
    keys.push({ ...(await exportJWK(privateKey)), use: 'sig', kid: randomUUID() });
  }
  return keys;
}

const server = createServer();
server.listen(0, '127.0.0.1');
await once(server, 'listening');

const issuer = `http://127.0.0.1:${server.address().port}`;
const secret = randomBytes(32).toString('base64url');

const provider = new Provider(issuer, {
  clients: Object.keys(CLIENTS).map((client_id) => ({
    client_id,
    client_secret: secret,
    grant_types: ['client_credentials'],
    redirect_uris: [],
    response_types: [],
  })),
  cookies: { keys: [randomBytes(32).toString('base64url')] },
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo(ctx, resource, client) {
        const alg = CLIENTS[client.clientId];
        if (!alg) throw new errors.InvalidTarget();
        return { scope: '', audience: resource, accessTokenFormat: 'jwt', accessTokenTTL: 300, jwt: { sign: { alg } } };
      },
    },
  },
  jwks: { keys: await privateKeys() },
});

server.on('request', provider.callback());
process.stdin.resume().on('end', () => process.exit(0));
console.log(JSON.stringify({ issuer, secret }));
