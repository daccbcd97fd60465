// Client libraries of the further grants behind one line of JSON per question, as in libraries.mjs: MSAL and the Azure SDK, which know
// nothing but Microsoft's addresses, and openid-client, a general OAuth client.
//
// What a library keeps between two questions is what it would keep in a workload: tokens that last, and no assertion.

import { createInterface } from 'node:readline';

import { ClientAssertionCredential } from '@azure/identity';
import { ConfidentialClientApplication } from '@azure/msal-node';
import * as client from 'openid-client';

const applications = new Map();

// One application for each client; its assertion is what the platform wrote last.
function application(kind, { client, assertion }, make) {
  const key = `${kind} ${client}`;
  if (!applications.has(key)) {
    const slot = {};
    slot.application = make(async () => slot.assertion);
    applications.set(key, slot);
  }
  const slot = applications.get(key);
  slot.assertion = assertion;
  return slot.application;
}

async function withMsalNode(question) {
  const { issuer, tenant, client: clientId, scope } = question;
  const authority = `${issuer}/${tenant}`;
  const make = (clientAssertion) =>
    new ConfidentialClientApplication({ auth: { clientId, authority, knownAuthorities: [new URL(issuer).host], clientAssertion } });
  const answer = await application('msal', question, make).acquireTokenByClientCredential({ scopes: [scope] });
  return { token: answer.accessToken, cached: answer.fromCache };
}

async function withAzureIdentity(question) {
  const { issuer, tenant, client: clientId, scope } = question;
  const make = (getAssertion) =>
    new ClientAssertionCredential(tenant, clientId, getAssertion, { authorityHost: issuer, disableInstanceDiscovery: true });
  const { token } = await application('azure', question, make).getToken(scope);
  return { token };
}

// A client that authenticates by what its platform wrote: openid-client takes any function in the place of its own methods.
function federated(assertion, type) {
  return (server, { client_id }, body) => {
    body.set('client_id', client_id);
    body.set('client_assertion_type', `urn:ietf:params:oauth:client-assertion-type:${type}`);
    body.set('client_assertion', assertion);
  };
}

async function clientCredentials({ issuer, client: clientId, assertion, type, parameters }) {
  const configuration = await client.discovery(new URL(issuer), clientId, undefined, federated(assertion, type));
  const { access_token, expires_in, scope } = await client.clientCredentialsGrant(configuration, parameters);
  return { token: access_token, expires_in, scope };
}

async function jwtBearer({ issuer, client: clientId, parameters }) {
  const configuration = await client.discovery(new URL(issuer), clientId, undefined, client.None());
  const grant = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
  const { access_token, expires_in, scope } = await client.genericGrantRequest(configuration, grant, parameters);
  return { token: access_token, expires_in, scope };
}

// A resource server that authenticates by a key of its own; without one it is whoever holds the token.
async function inspector({ issuer, client: clientId, key }) {
  const imported = key && (await crypto.subtle.importKey('jwk', key, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign']));
  const authentication = key ? client.PrivateKeyJwt({ key: imported, kid: key.kid }) : client.None();
  return client.discovery(new URL(issuer), clientId, undefined, authentication);
}

async function introspect({ token, ...question }) {
  return { answer: await client.tokenIntrospection(await inspector(question), token) };
}

async function revoke({ token, ...question }) {
  await client.tokenRevocation(await inspector(question), token);
  return {};
}

const ASKS = {
  'msal-node': withMsalNode,
  '@azure/identity': withAzureIdentity,
  'openid-client.clientCredentials': clientCredentials,
  'openid-client.introspect': introspect,
  'openid-client.jwtBearer': jwtBearer,
  'openid-client.revoke': revoke,
};

for await (const line of createInterface({ input: process.stdin })) {
  const { ask, ...question } = JSON.parse(line);
  let answer;
  try {
    answer = { accepted: true, ...(await ASKS[ask](question)) };
  } catch (error) {
    const why = [error.code, error.errorCode, error.error, error.error_description, error.message];
    answer = { accepted: false, status: error.status, why: why.filter(Boolean).join(': ') };
  }
  console.log(JSON.stringify(answer));
}
