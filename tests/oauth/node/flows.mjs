// Every flow that the metadata advertise, by openid-client. Reads what there is from the file that is named; writes
// one JSON object: flow by name, and what went wrong, or null.

import { readFileSync, writeFileSync } from 'node:fs'
import { webcrypto } from 'node:crypto'
import * as oauth from 'openid-client'
import { Browser, fetcher } from './browser.mjs'

const [given, told] = process.argv.slice(2)
const there = JSON.parse(readFileSync(given))
const plain = fetcher({ ca: there.ca })
const CALLBACK = 'https://app.example/cb'
const results = {}

async function flow(name, act) {
  try {
    await act()
    results[name] = null
  } catch (error) {
    const cause = error.cause instanceof Error ? error.cause.message : JSON.stringify(error.cause)
    results[name] = `${error.stack ?? error} ${error.error ?? ''} ${error.error_description ?? ''} ${cause ?? ''}`
  }
}

function expect(truth, sentence) {
  if (!truth) throw new Error(sentence)
}

async function privateKey(jwk) {
  const kind = { name: 'ECDSA', namedCurve: 'P-256' }
  return { key: await webcrypto.subtle.importKey('jwk', jwk, kind, false, ['sign']), kid: jwk.kid }
}

/** How a client proves itself, and over which connection. */
async function prover(method) {
  const client = there.clients[method]
  const fetch = client.cert ? fetcher({ ca: there.ca, cert: client.cert, key: client.key }) : plain
  const auth = {
    client_secret_basic: () => oauth.ClientSecretBasic(client.secret),
    client_secret_post: () => oauth.ClientSecretPost(client.secret),
    private_key_jwt: async () => oauth.PrivateKeyJwt(await privateKey(client.jwk)),
    tls_client_auth: () => oauth.TlsClientAuth(),
    self_signed_tls_client_auth: () => oauth.TlsClientAuth(),
    none: () => oauth.None(),
  }[method]
  return { client, fetch, auth: await auth() }
}

async function discovered(method, metadata = {}) {
  const { client, fetch, auth } = await prover(method)
  const found = await oauth.discovery(
    new URL(there.issuer), client.id,
    { use_mtls_endpoint_aliases: Boolean(client.cert), token_endpoint_auth_method: method, ...metadata }, auth,
    { algorithm: 'oauth2', [oauth.customFetch]: fetch },
  )
  const supported = found.serverMetadata()
  expect(supported.token_endpoint_auth_methods_supported.includes(method), `${method} is not in the metadata`)
  return found
}

async function called(config, tokens, options) {
  const client = there.clients[config.clientMetadata().token_endpoint_auth_method]
  const api = client.cert ? there.mtlsApi : there.api // tokens of those are bound to their certificate
  const answer = await oauth.fetchProtectedResource(
    config, tokens.access_token, new URL(api), 'GET', undefined, undefined, options,
  )
  expect(answer.status === 200, `the API answered ${answer.status}`)
  return answer.json()
}

async function byCode(config, { par = false, options = undefined, more = {} } = {}) {
  const verifier = oauth.randomPKCECodeVerifier()
  const state = oauth.randomState()
  const asked = {
    redirect_uri: CALLBACK, scope: 'orders:read', state, code_challenge_method: 'S256',
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier), ...more,
  }
  const url = par
    ? await oauth.buildAuthorizationUrlWithPAR(config, asked, options)
    : oauth.buildAuthorizationUrl(config, asked)
  const back = await new Browser(plain).allow(url)
  expect(back.searchParams.get('iss') === there.issuer, 'no iss')
  return oauth.authorizationCodeGrant(
    config, back, { pkceCodeVerifier: verifier, expectedState: state }, undefined, options,
  )
}

const methods = Object.keys(there.clients)
for (const method of methods) {
  await flow(`authorization_code ${method}`, async () => {
    const config = await discovered(method)
    const tokens = await byCode(config)
    expect((await called(config, tokens)).user === 'alice', 'another user')
    const next = await oauth.refreshTokenGrant(config, tokens.refresh_token)
    expect(next.refresh_token !== tokens.refresh_token, 'the refresh token did not change')
    await called(config, next)
    await oauth.tokenRevocation(config, next.refresh_token)
    let refused = null
    await oauth.refreshTokenGrant(config, next.refresh_token).catch((error) => { refused = error.error })
    expect(refused === 'invalid_grant', `after revocation: ${refused}`)
  })
  await flow(`pushed authorization_code with DPoP and resource ${method}`, async () => {
    const config = await discovered(method)
    const options = { DPoP: oauth.getDPoPHandle(config, await oauth.randomDPoPKeyPair('ES256')) }
    const more = { resource: there.issuer }
    const tokens = await byCode(config, { par: true, options, more })
    expect(tokens.token_type === 'dpop', `a token of type ${tokens.token_type}`)
    await called(config, tokens, options)
    await called(config, await oauth.refreshTokenGrant(config, tokens.refresh_token, {}, options), options)
  })
  await flow(`device ${method}`, async () => {
    const config = await discovered(method)
    const started = await oauth.initiateDeviceAuthorization(config, { scope: 'orders:read' })
    await new Browser(plain).connect(started.verification_uri_complete)
    const tokens = await oauth.pollDeviceAuthorizationGrant(config, { ...started, interval: 0.01 })
    expect((await called(config, tokens)).user === 'alice', 'another user')
  })
  if (method === 'none') continue
  await flow(`client_credentials ${method}`, async () => {
    const config = await discovered(method)
    const tokens = await oauth.clientCredentialsGrant(config, { scope: 'orders:read' })
    expect((await called(config, tokens)).client === there.clients[method].id, 'another client')
    const before = await oauth.tokenIntrospection(config, tokens.access_token)
    expect(before.active && before.scope === 'orders:read', 'it is not active')
    await oauth.tokenRevocation(config, tokens.access_token)
    expect(!(await oauth.tokenIntrospection(config, tokens.access_token)).active, 'it is active still')
  })
  await flow(`client_credentials with DPoP ${method}`, async () => {
    const config = await discovered(method)
    const options = { DPoP: oauth.getDPoPHandle(config, await oauth.randomDPoPKeyPair('Ed25519')) }
    await called(config, await oauth.clientCredentialsGrant(config, {}, options), options)
  })
}
for (const method of methods.filter((one) => there.clients[one].cert)) {
  await flow(`bound to its certificate ${method}`, async () => {
    const config = await discovered(method)
    const tokens = await oauth.clientCredentialsGrant(config, {})
    await called(config, tokens)
    const said = await oauth.tokenIntrospection(config, tokens.access_token)
    expect(typeof said.cnf['x5t#S256'] === 'string', 'it is not bound')
    const stolen = await plain(there.mtlsApi, { headers: { authorization: `Bearer ${tokens.access_token}` } })
    expect(stolen.status === 401, `without its certificate: ${stolen.status}`)
  })
}
writeFileSync(told, JSON.stringify(results))
