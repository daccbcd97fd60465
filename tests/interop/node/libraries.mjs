// jose and oauth4webapi behind one line of JSON per question: `{ask, ...}` on standard input, the answer on standard output.
//
// An answer is `{accepted: true, ...}` or `{accepted: false, why}`. Every question starts at a metadata document and trusts nothing
// that the one before had fetched.

import { createInterface } from 'node:readline';

import { compactDecrypt, createRemoteJWKSet, importJWK, jwtVerify } from 'jose';
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
// to see that key used. `presented` says how the token comes to it.
async function bindWithOauth4webapi({ kind, issuer, client, audience, parameters, presented }) {
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
  const thief = presented === 'with another key';
  const presenter = thief ? oauth.DPoP({ client_id: client }, await oauth.generateKeyPair('ES256')) : holder;
  let request;
  const capture = async (url, { method, headers }) => {
    request = new Request(url, { method, headers });
    return new Response();
  };
  const options = { DPoP: presenter, [oauth.customFetch]: capture, ...LOOPBACK };
  const token = presented === 'changed' ? changed(answer.access_token) : answer.access_token;
  await oauth.protectedResourceRequest(token, 'GET', new URL(`${audience}/orders`), undefined, undefined, options);
  if (presented === 'without a proof') request = new Request(request.url, { headers: { authorization: `Bearer ${token}` } });
  if (presented === 'with the proof of another request') request = new Request(`${audience}/invoices`, { headers: request.headers });
  const claims = await oauth.validateJwtAccessToken(server, request, audience, { requireDPoP: true, ...LOOPBACK });
  return { answer, challenges, claims };
}

// The token with another signature.
function changed(token) {
  const [header, payload, signature] = token.split('.');
  return `${header}.${payload}.${signature[0] === 'A' ? 'B' : 'A'}${signature.slice(1)}`;
}

// A target with jose: decrypts with its own key, and verifies what was inside as any other token.
async function decryptWithJose({ key, algorithm, ...question }) {
  const options = { keyManagementAlgorithms: [algorithm], contentEncryptionAlgorithms: ['A256GCM'] };
  const { plaintext, protectedHeader } = await compactDecrypt(question.token, await importJWK(key, algorithm), options);
  const inside = new TextDecoder().decode(plaintext);
  return { ...(await verifyWithJose({ ...question, token: inside })), inside, outer: protectedHeader };
}

// A resource server that authenticates by a key of its own, asks about a token (RFC 7662), or takes one back (RFC 7009); without a key it
// is whoever holds the token.
async function inspectorWithOauth4webapi({ issuer, client, key }) {
  const server = await discover(issuer, 'oauth2');
  const signing = async () => ({ key: await crypto.subtle.importKey('jwk', key, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign']), kid: key.kid });
  return [server, { client_id: client }, key ? oauth.PrivateKeyJwt(await signing()) : oauth.None()];
}

async function introspectWithOauth4webapi({ token, ...question }) {
  const [server, client, authentication] = await inspectorWithOauth4webapi(question);
  const sent = await oauth.introspectionRequest(server, client, authentication, token, LOOPBACK);
  return { answer: await oauth.processIntrospectionResponse(server, client, sent) };
}

async function revokeWithOauth4webapi({ token, ...question }) {
  const sent = await oauth.revocationRequest(...(await inspectorWithOauth4webapi(question)), token, LOOPBACK);
  await oauth.processRevocationResponse(sent);
  return {};
}

const ASKS = {
  'jose.decrypt': decryptWithJose,
  'jose.verify': verifyWithJose,
  'oauth4webapi.verify': verifyWithOauth4webapi,
  'oauth4webapi.exchange': exchangeWithOauth4webapi,
  'oauth4webapi.bind': bindWithOauth4webapi,
  'oauth4webapi.introspect': introspectWithOauth4webapi,
  'oauth4webapi.revoke': revokeWithOauth4webapi,
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
