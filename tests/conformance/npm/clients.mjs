// A provider of this test (HTTPS, with a CA of its own), persona-host with config/verifier.yaml, and clients
// of the original's API: browserid-verify from npm, unchanged, and the requests of the two APIs' documentation.
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { generateKeyPairSync, sign } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import https from 'node:https'
import net from 'node:net'
import { createRequire } from 'node:module'

const [build, top] = process.argv.slice(2)
const browseridVerify = createRequire(import.meta.url)('browserid-verify')
const dir = mkdtempSync('/tmp/persona-clients-')
const audience = 'https://rp.example'

const openssl = (...args) => execFileSync('openssl', args, { cwd: dir, stdio: ['ignore', 'pipe', 'pipe'] })
openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1',
  '-subj', '/CN=Test CA', '-keyout', 'ca.key', '-out', 'ca.pem')
openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=idp',
  '-keyout', 'idp.key', '-out', 'idp.csr')
writeFileSync(`${dir}/ext`, 'subjectAltName=IP:127.0.0.1')
openssl('x509', '-req', '-in', 'idp.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '1',
  '-extfile', 'ext', '-out', 'idp.pem')

const b64 = data => Buffer.from(data).toString('base64url')
const decimal = text => BigInt('0x' + Buffer.from(text, 'base64url').toString('hex')).toString()
const newKey = () => {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const jwk = publicKey.export({ format: 'jwk' })
  return { privateKey, object: { algorithm: 'RS', n: decimal(jwk.n), e: decimal(jwk.e) } }
}
const token = (key, payload) => {
  const text = b64('{"alg":"RS256"}') + '.' + b64(JSON.stringify(payload))
  return text + '.' + b64(sign('sha256', Buffer.from(text), key.privateKey))
}
const idp = newKey(), user = newKey(), now = Date.now()
const bundle = token(idp, {
  'public-key': user.object, principal: { email: 'a@idp.example' }, iat: now - 1000, exp: now + 600000,
  iss: 'idp.example', 'x-level': 3
}) + '~' + token(user, { exp: now + 120000, aud: audience })

const provider = https.createServer({ key: readFileSync(`${dir}/idp.key`), cert: readFileSync(`${dir}/idp.pem`) },
  (request, response) => {
    response.setHeader('Content-Type', 'application/json')
    response.end(JSON.stringify({ 'public-key': idp.object, authentication: '/auth', provisioning: '/prov' }))
  })
await new Promise(done => provider.listen(0, '127.0.0.1', done))
const freePort = () => new Promise(done => {
  const s = net.createServer().listen(0, '127.0.0.1', () => {
    const { port } = s.address()
    s.close(() => done(port))
  })
})
const port = await freePort()
// The file that ships, and one line that tells where this test's provider is.
writeFileSync(`${dir}/verifier.yaml`, readFileSync(`${top}/config/verifier.yaml`, 'utf8').replace('    config:\n',
  `    config:\n      discovery_overrides: {idp.example: "https://127.0.0.1:${provider.address().port}/.well-known/browserid"}\n`))
const host = spawn(`${build}/bin/persona-host`, ['run', `${dir}/verifier.yaml`], {
  env: { PATH: process.env.PATH, PORT: String(port), STATE_DIR: `${dir}/state`, PERSONA_OUTBOUND__CA_FILE: `${dir}/ca.pem` },
  stdio: ['ignore', 'pipe', 'pipe']
})
let log = ''
let failed = true
try {
  await new Promise((ready, gaveUp) => {
    const timer = setTimeout(() => gaveUp(new Error('not ready in 60 s: ' + log)), 60000)
    const look = data => {
      log += data
      if (log.includes('ready:')) { clearTimeout(timer); ready() }
    }
    host.stdout.on('data', look)
    host.stderr.on('data', look)
    host.on('exit', code => gaveUp(new Error(`persona-host ended with ${code}: ${log}`)))
  })
  const base = `http://127.0.0.1:${port}`
  const byLibrary = (assertion, to) => new Promise((done, gaveUp) =>
    browseridVerify({ url: base + '/verify' })(assertion, to, (error, email, data) =>
      error ? gaveUp(error) : done({ email, data })))
  const post = async (path, body) => {
    const response = await fetch(base + path, {
      method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body)
    })
    return { status: response.status, json: await response.json() }
  }

  const good = await byLibrary(bundle, audience)
  assert.equal(good.email, 'a@idp.example')
  assert.equal(good.data.status, 'okay')
  assert.equal(good.data.issuer, 'idp.example')
  assert.equal(good.data.audience, audience)
  const bad = await byLibrary(bundle, 'https://other.example').catch(error => ({ error }))
  assert.match(JSON.stringify(bad.data ?? String(bad.error)), /audience mismatch/)

  const v1 = await post('/verify', { assertion: bundle, audience })
  assert.equal(v1.status, 200)
  assert.deepEqual(v1.json, {
    status: 'okay', email: 'a@idp.example', audience, expires: now + 120000, issuer: 'idp.example'
  })
  const v2 = await post('/v2', { assertion: bundle, audience })
  assert.equal(v2.status, 200)
  assert.deepEqual(v2.json, { ...v1.json, idpClaims: { 'x-level': 3 } })
  const refused = await post('/v2', { assertion: 'bogus', audience })
  assert.deepEqual(refused.json, { status: 'failure', reason: 'no certificates provided' })
  const status = await fetch(base + '/status')
  assert.equal(await status.text(), 'OK')
  console.log('browserid-verify (form), JSON and v2: verified and refused as they should be')
  failed = false
} catch (error) {
  console.error(error, log)
} finally {
  host.removeAllListeners('exit')
  const gone = new Promise(done => host.once('exit', done))
  host.kill('SIGTERM')
  await gone
  provider.close()
  provider.closeAllConnections()
  rmSync(dir, { recursive: true, force: true })
}
process.exit(failed ? 1 : 0)
