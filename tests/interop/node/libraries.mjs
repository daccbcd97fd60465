// jose and oauth4webapi behind one line of JSON per question: `{ask, ...}` on standard input, the answer on standard output.
//
// An answer is `{accepted: true, ...}` or `{accepted: false, why}`. Every question starts at a metadata document and trusts nothing
// that the one before had fetched.

import { createInterface } from 'node:readline';

import { createRemoteJWKSet, jwtVerify } from 'jose';
import * as oauth from 'oauth4webapi';

// oauth4webapi wants https unless told that this is a test on loopback.
const LOOPBACK = { [oauth.allowInsecureRequests]: true };
// RFC 9068 section 2.2.
const REQUIRED = ['iss', 'exp', 'aud', 'sub', 'client_id', 'iat', 'jti'];

// What a resource server with jose does: read the metadata, then verify with the keys it points to.
async function verifyWithJose({ metadata, issuer, audience, token }) {
  const document = await (await fetch(metadata)).json();
  if (document.issuer !== issuer) throw new Error(`the metadata names the issuer ${document.issuer}`);
  const keys = createRemoteJWKSet(new URL(document.jwks_uri));
  const { payload, protectedHeader } = await jwtVerify(token, keys, { issuer, audience, typ: 'at+jwt', requiredClaims: REQUIRED });
  return { claims: payload, header: protectedHeader };
}

async function discover(issuer, kind) {
  const url = new URL(issuer);
  return oauth.processDiscoveryResponse(url, await oauth.discoveryRequest(url, { algorithm: kind, ...LOOPBACK }));
}

// oauth4webapi finds the documents itself and knows RFC 9068 as such.
async function verifyWithOauth4webapi({ kind, issuer, audience, token }) {
  const request = new Request('https://resource.example.com/', { headers: { authorization: `Bearer ${token}` } });
  const claims = await oauth.validateJwtAccessToken(await discover(issuer, kind), request, audience, LOOPBACK);
  return { claims };
}

// RFC 8693 by a general OAuth client. `client_id` is mandatory for it; ours is the name of a trust relationship.
async function exchangeWithOauth4webapi({ kind, issuer, client, parameters }) {
  const server = await discover(issuer, kind);
  const grant = 'urn:ietf:params:oauth:grant-type:token-exchange';
  const sent = await oauth.genericTokenEndpointRequest(server, { client_id: client }, oauth.None(), grant, parameters, LOOPBACK);
  return { answer: await oauth.processGenericTokenEndpointResponse(server, { client_id: client }, sent) };
}

// RFC 9449, from both sides: the client proves a key of its own and gets a bound token; the same library as a resource server then wants
// to see that key used. `thief` uses another one there.
async function bindWithOauth4webapi({ kind, issuer, client, audience, parameters, thief }) {
  const server = await discover(issuer, kind);
  const grant = 'urn:ietf:params:oauth:grant-type:token-exchange';
  const holder = oauth.DPoP({ client_id: client }, await oauth.generateKeyPair('ES256'));
  const ask = async () => {
    const options = { DPoP: holder, ...LOOPBACK };
    const sent = await oauth.genericTokenEndpointRequest(server, { client_id: client }, oauth.None(), grant, parameters, options);
    return oauth.processGenericTokenEndpointResponse(server, { client_id: client }, sent, { recognizedTokenTypes: {} });
  };
  const challenges = [];
  const answer = await ask().catch((error) => {
    if (!oauth.isDPoPNonceError(error)) throw error;
    challenges.push(error.error);
    return ask();
  });
  const presenter = thief ? oauth.DPoP({ client_id: client }, await oauth.generateKeyPair('ES256')) : holder;
  let request;
  const capture = async (url, { method, headers }) => {
    request = new Request(url, { method, headers });
    return new Response();
  };
  const options = { DPoP: presenter, [oauth.customFetch]: capture, ...LOOPBACK };
  await oauth.protectedResourceRequest(answer.access_token, 'GET', new URL(`${audience}/orders`), undefined, undefined, options);
  const claims = await oauth.validateJwtAccessToken(server, request, audience, { requireDPoP: true, ...LOOPBACK });
  return { answer, challenges, claims };
}

const ASKS = {
  'jose.verify': verifyWithJose,
  'oauth4webapi.verify': verifyWithOauth4webapi,
  'oauth4webapi.exchange': exchangeWithOauth4webapi,
  'oauth4webapi.bind': bindWithOauth4webapi,
};

for await (const line of createInterface({ input: process.stdin })) {
  const { ask, ...question } = JSON.parse(line);
  let answer;
  try {
    answer = { accepted: true, ...(await ASKS[ask](question)) };
  } catch (error) {
    const because = error.cause?.error_description ?? error.cause?.message;
    answer = { accepted: false, why: [error.code, error.message, because].filter(Boolean).join(': ') };
  }
  console.log(JSON.stringify(answer));
}
