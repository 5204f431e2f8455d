// SMART on FHIR against the running program, with tokens of a real authorization server (oidc-provider): Backend Services
// (client_credentials with private_key_jwt) and authorization code with PKCE.
// Usage: node smart.mjs PATH-OF-FASTKONTAKT

import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { SignJWT } from 'jose';
import { AUDIENCE, VARDENHET, VARDGIVARE, start } from './authorization-server.mjs';
import { assert, finish, step } from './steps.mjs';

const REDIRECT = 'http://127.0.0.1:1/callback';
const folder = mkdtempSync(join(tmpdir(), 'fastkontakt-smart-'));
const server = await start(REDIRECT);
const log = [];

/** The service with its settings; resolves to its address. */
async function serve() {
  const settings = join(folder, 'settings.toml');
  writeFileSync(settings, `
database = "sqlite://${join(folder, 'smart.db')}"
bind = "127.0.0.1:0"

[[access.issuers]]
issuer = "${server.issuer}"
audience = "${AUDIENCE}"
jwks_url = "${server.issuer}/jwks"

[access.smart]
token_endpoint = "${server.issuer}/token"
authorization_endpoint = "${server.issuer}/auth"
capabilities = ["launch-standalone", "context-standalone-patient", "client-public", "client-confidential-asymmetric"]
`);
  const child = spawn(process.argv[2], ['serve', '--config', settings], { stdio: ['ignore', 'ignore', 'pipe'] });
  const lines = createInterface({ input: child.stderr });
  const address = await new Promise((resolve, reject) => {
    lines.on('line', (line) => {
      log.push(line);
      const told = line.startsWith('{') ? JSON.parse(line) : {};
      if (told.message === 'serving') resolve(`http://${told.address}`);
    });
    child.once('exit', () => reject(new Error(`the service did not start: ${log.join('\n')}`)));
  });
  return { child, address };
}

const { child, address } = await serve();
const fhir = (path, token, options = {}) => fetch(`${address}/fhir/${path}`, {
  ...options,
  headers: { 'Content-Type': 'application/fhir+json', ...(token ? { Authorization: `Bearer ${token}` } : {}), ...options.headers },
});
const form = (endpoint, members) => fetch(endpoint, { method: 'POST', body: new URLSearchParams(members) });
const claimsOf = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
const tokens = [];

console.log('SMART on FHIR, with oidc-provider');

let configuration;
await step('smart-configuration tells where tokens come from, in both versions', async () => {
  const read = async (version) => (await fhir(`${version}/.well-known/smart-configuration`)).json();
  configuration = await read('r4');
  assert.deepEqual(await read('r5'), configuration);
  assert.equal(configuration.token_endpoint, `${server.issuer}/token`);
  assert.ok(configuration.code_challenge_methods_supported.includes('S256'));
  assert.ok(configuration.token_endpoint_auth_methods_supported.includes('private_key_jwt'));
});

await step('without a token nothing of patients is answered', async () => {
  const answer = await fhir('r5/Patient/anna');
  assert.equal(answer.status, 401);
  assert.match(answer.headers.get('www-authenticate'), /^Bearer realm=/);
});

/** A token of the program `journal`, as SMART Backend Services has it. */
async function backendToken(scope) {
  const now = Math.floor(Date.now() / 1000);
  const assertion = await new SignJWT({ jti: randomBytes(16).toString('hex') })
    .setProtectedHeader({ alg: 'ES384', typ: 'JWT', kid: server.journal.kid })
    .setIssuer('journal').setSubject('journal').setAudience(configuration.token_endpoint)
    .setIssuedAt(now).setExpirationTime(now + 240)
    .sign(server.journal.privateKey);
  const answer = await form(configuration.token_endpoint, {
    grant_type: 'client_credentials',
    scope,
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: assertion,
  });
  const body = await answer.json();
  assert.equal(answer.status, 200, JSON.stringify(body));
  tokens.push(body.access_token);
  return body.access_token;
}

const SYSTEM_OF_HSA = 'urn:oid:1.2.752.129.2.1.4.1';
const unit = (id, hsaId, above) => ({
  resourceType: 'Organization', id, name: id, identifier: [{ system: SYSTEM_OF_HSA, value: hsaId }], ...(above && { partOf: { reference: above } }),
});
const managed = { managingOrganization: { reference: 'Organization/vc' } };

await step('Backend Services: a program writes what its vårdgivare manages', async () => {
  const token = await backendToken('system/*.cruds');
  assert.equal(claimsOf(token).aud, AUDIENCE);
  const written = [
    unit('vg', VARDGIVARE),
    unit('vc', VARDENHET, 'Organization/vg'),
    { resourceType: 'Patient', id: 'anna', ...managed },
    { resourceType: 'Patient', id: 'berta', ...managed },
    { resourceType: 'EpisodeOfCare', id: 'e', status: 'active', patient: { reference: 'Patient/anna' }, ...managed },
  ];
  for (const resource of written) {
    const path = `r5/${resource.resourceType}/${resource.id}`;
    const answer = await fhir(path, token, { method: 'PUT', body: JSON.stringify(resource) });
    assert.equal(answer.status, 201, `${path}: ${await answer.text()}`);
  }
  for (const version of ['r5', 'r4']) assert.equal((await fhir(`${version}/EpisodeOfCare/e`, token)).status, 200);
});

await step('Backend Services: a scope to read does not write', async () => {
  const token = await backendToken('system/*.rs');
  const body = JSON.stringify({ resourceType: 'Patient', id: 'anna' });
  const answer = await fhir('r5/Patient/anna', token, { method: 'PUT', body });
  assert.equal(answer.status, 403);
  assert.match(answer.headers.get('www-authenticate'), /error="insufficient_scope"/);
});

/** What a browser does with cookies and redirections until the client gets its code. */
async function authorize(person, scope, verifier) {
  const url = new URL(configuration.authorization_endpoint);
  url.search = new URLSearchParams({
    response_type: 'code',
    client_id: 'portal',
    redirect_uri: REDIRECT,
    scope,
    state: randomBytes(8).toString('hex'),
    aud: `${address}/fhir/r5`,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    login_hint: person,
    prompt: 'consent',
  });
  const cookies = new Map();
  let next = url;
  for (let hop = 0; hop < 10; hop += 1) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const answer = await fetch(next, { redirect: 'manual', headers: { cookie } });
    for (const set of answer.headers.getSetCookie()) {
      const [name, value] = set.split(';')[0].split('=');
      if (value) cookies.set(name, value); else cookies.delete(name);
    }
    const location = answer.headers.get('location');
    assert.ok(location, `${answer.status}: ${await answer.text()}`);
    if (location.startsWith(REDIRECT)) {
      const told = new URL(location).searchParams;
      assert.equal(told.get('state'), url.searchParams.get('state'));
      assert.ok(told.get('code'), location);
      return told.get('code');
    }
    next = new URL(location, next);
  }
  return assert.fail('no code after ten redirections');
}

/** The tokens of a person who has logged in. */
async function personTokens(person, scope) {
  const verifier = randomBytes(32).toString('base64url');
  const code = await authorize(person, scope, verifier);
  const answer = await form(configuration.token_endpoint, {
    grant_type: 'authorization_code', code, redirect_uri: REDIRECT, client_id: 'portal', code_verifier: verifier,
  });
  const body = await answer.json();
  assert.equal(answer.status, 200, JSON.stringify(body));
  tokens.push(body.access_token);
  return body;
}

await step('authorization code and PKCE: one who works in care reads what her unit manages', async () => {
  const { access_token: token } = await personTokens('lakare', 'openid fhirUser user/*.rs');
  assert.equal((await fhir('r5/Patient/anna', token)).status, 200);
  const found = await (await fhir('r4/EpisodeOfCare?patient=Patient/anna', token)).json();
  assert.deepEqual(found.entry.map((entry) => entry.resource.id), ['e']);
});

await step('authorization code and PKCE: a patient reads her own record and no other; the id token is none', async () => {
  const { access_token: token, id_token: idToken } = await personTokens('196101182803', 'openid launch/patient patient/*.rs');
  assert.equal(claimsOf(token).patient, 'anna');
  const found = await (await fhir('r5/EpisodeOfCare', token)).json();
  assert.deepEqual(found.entry.map((entry) => entry.resource.id), ['e']);
  assert.equal((await fhir('r4/Patient/anna', token)).status, 200);
  assert.equal((await fhir('r4/Patient/berta', token)).status, 404);
  assert.equal((await fhir('r4/metadata', idToken)).status, 401);
});

await step('a token for another service, and one that was changed, are refused', async () => {
  const token = await backendToken('system/*.rs');
  const [header, , signature] = token.split('.');
  const claims = Buffer.from(JSON.stringify({ ...claimsOf(token), scope: 'system/*.cruds' })).toString('base64url');
  const answer = await fhir('r5/metadata', `${header}.${claims}.${signature}`);
  assert.equal(answer.status, 401);
  assert.match(answer.headers.get('www-authenticate'), /error="invalid_token"/);
});

await step('a token without clinical scopes is forbidden', async () => {
  const { access_token: token } = await personTokens('lakare', 'openid');
  const answer = await fhir('r5/metadata', token);
  assert.equal(answer.status, 403);
  assert.match(answer.headers.get('www-authenticate'), /error="insufficient_scope"/);
});

const stopped = new Promise((resolve) => { child.once('exit', resolve); });
child.kill('SIGTERM');
await step('the service stops well, and no token or number of a person is in its log', async () => {
  assert.equal(await stopped, 0);
  const text = log.join('\n');
  for (const part of tokens.flatMap((token) => token.split('.'))) assert.ok(!text.includes(part));
  assert.ok(!text.includes('196101182803') && !text.includes('eyJ'));
});
server.stop();
rmSync(folder, { recursive: true });
finish();
