// A real authorization server (npm oidc-provider) for the SMART stories: Backend Services with private_key_jwt, and
// authorization code with PKCE. People log in by asking for it: the page of the login is the test's.

import { createServer } from 'node:http';
import { once } from 'node:events';
import { exportJWK, generateKeyPair } from 'jose';
import Provider from 'oidc-provider';

export const AUDIENCE = 'https://fhir.example.se';
export const VARDGIVARE = 'SE2321000164-VG';
export const VARDENHET = 'SE2321000164-VC';

/** Scopes that the server knows of; what a client asks for beside them it does not get. */
const RESOURCE_SCOPES = [
  'patient/*.rs', 'patient/CareTeam.read', 'user/*.rs', 'user/*.cruds', 'user/CareTeam.rs?status=active', 'system/*.cruds', 'system/*.rs',
];

/** What the server says of the people who log in. The one's subject is a (synthetic) personal number, as at some servers. */
const PEOPLE = {
  lakare: {
    hsaid: 'SE2321000164-P1', hsaid_type: 'person', profession: 'LK', vardenhet_hsaid: VARDENHET, organization_hsaid: VARDGIVARE,
  },
  196101182803: { patient: 'anna', fhirUser: 'Patient/anna' },
};

/** What it says of programs. */
const PROGRAMS = { journal: { organization_hsaid: VARDGIVARE } };

const signingKey = async (alg) => {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  const kid = `${alg}-${process.hrtime.bigint()}`;
  return {
    privateKey,
    kid,
    privateJwk: { ...(await exportJWK(privateKey)), kid, alg, use: 'sig' },
    publicJwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' },
  };
};

/** Starts the server; gives its issuer, the key of the program `journal`, and a way to stop. */
export async function start(redirectUri) {
  const [signing, journal] = [await signingKey('ES256'), await signingKey('ES384')];
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    jwks: { keys: [signing.privateJwk] },
    clients: [
      {
        client_id: 'journal',
        grant_types: ['client_credentials'],
        response_types: [],
        redirect_uris: [],
        token_endpoint_auth_method: 'private_key_jwt',
        token_endpoint_auth_signing_alg: 'ES384',
        jwks: { keys: [journal.publicJwk] },
      },
      {
        client_id: 'portal',
        application_type: 'native',
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        redirect_uris: [redirectUri],
        token_endpoint_auth_method: 'none',
      },
    ],
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    scopes: ['openid', 'offline_access', 'fhirUser', 'launch/patient'],
    pkce: { required: () => true },
    clientAuthMethods: ['private_key_jwt', 'none'],
    enabledJWA: { clientAuthSigningAlgValues: ['RS384', 'ES384'] },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => AUDIENCE,
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({
          audience: AUDIENCE,
          scope: RESOURCE_SCOPES.join(' '),
          accessTokenTTL: 300,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'ES256' } },
        }),
      },
    },
    extraTokenClaims: (_, token) => PEOPLE[token.accountId] ?? PROGRAMS[token.clientId] ?? {},
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
    ttl: { AccessToken: 300, ClientCredentials: 300, Grant: 300, IdToken: 300, Interaction: 300, Session: 300 },
    cookies: { keys: ['a key of the test'] },
  });
  server.on('request', async (request, response) => {
    if (!request.url.startsWith('/interaction/')) {
      provider.callback()(request, response);
      return;
    }
    const { prompt, params, session } = await provider.interactionDetails(request, response);
    if (prompt.name === 'login') {
      await provider.interactionFinished(request, response, { login: { accountId: params.login_hint } });
      return;
    }
    const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
    grant.addOIDCScope(params.scope);
    grant.addResourceScope(AUDIENCE, params.scope);
    await provider.interactionFinished(request, response, { consent: { grantId: await grant.save() } });
  });
  return { issuer, journal, stop: () => { server.closeAllConnections(); server.close(); } };
}
