// An OpenID provider: `oidc-provider` as its manual sets it up, with its state in one file, so that it is the same after a restart.
// Three users of it are known here: the program under test (with and without a secret) and the mail server, which checks tokens.
//
//   node provider.mjs MODULES FOLDER PORT PLAIN_PORT
//
// FOLDER has the key and the certificate (chain.pem) and gets state.json. PORT is for TLS; PLAIN_PORT is for the mail server and for
// the test, which sets there how long access tokens live (/rig/lifetime/SECONDS) and asks whether requests are under way (/rig/busy).

import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import path from 'node:path';

const [modules, folder, port, plainPort] = process.argv.slice(2);
const { default: Provider } = await import(path.join(modules, 'oidc-provider/lib/index.js'));

const file = path.join(folder, 'state.json');
const now = () => Math.floor(Date.now() / 1000);
const load = () => (fs.existsSync(file) ? JSON.parse(fs.readFileSync(file)) : {});

// Replaced as a whole: whoever looks at it meanwhile sees the one or the other.
function save(entries) {
  fs.writeFileSync(`${file}.new`, JSON.stringify(entries));
  fs.renameSync(`${file}.new`, file);
}

class StoredInFile {
  constructor(model) {
    this.model = model;
  }

  key(id) {
    return `${this.model}:${id}`;
  }

  async upsert(id, payload, expiresIn) {
    const entries = load();
    const until = expiresIn ? now() + expiresIn : null;
    entries[this.key(id)] = { payload, until };
    save(entries);
  }

  async find(id) {
    const entry = load()[this.key(id)];
    return entry && (entry.until === null || entry.until > now()) ? entry.payload : undefined;
  }

  async findBy(name, value) {
    const mine = ([key, entry]) => key.startsWith(`${this.model}:`) && entry.payload[name] === value;
    return Object.entries(load()).find(mine)?.[1].payload;
  }

  async findByUid(uid) {
    return this.findBy('uid', uid);
  }

  async findByUserCode(code) {
    return this.findBy('userCode', code);
  }

  async consume(id) {
    const entries = load();
    entries[this.key(id)].payload.consumed = now();
    save(entries);
  }

  async destroy(id) {
    const entries = load();
    delete entries[this.key(id)];
    save(entries);
  }

  async revokeByGrantId(grant) {
    const entries = Object.entries(load()).filter(([, entry]) => entry.payload.grantId !== grant);
    save(Object.fromEntries(entries));
  }
}

let lifetime = 3600;
const lifetimeOf = (token) => () => Math.min(lifetime, token);

const client = (id, more) => ({
  client_id: id,
  redirect_uris: [],
  response_types: [],
  grant_types: [],
  ...more,
});

const provider = new Provider(`https://127.0.0.1:${port}`, {
  adapter: StoredInFile,
  clients: [
    client('device-client', {
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'],
    }),
    client('browser-client', {
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      redirect_uris: ['http://127.0.0.1'],
      response_types: ['code'],
      grant_types: ['authorization_code', 'refresh_token'],
    }),
    client('organization', {
      client_secret: 'the secret of the organization',
      token_endpoint_auth_method: 'client_secret_post',
      grant_types: ['client_credentials'],
    }),
    client('dovecot', { client_secret: 'knows-tokens' }),
  ],
  scopes: ['openid', 'offline_access', 'mail.send'],
  claims: { openid: ['sub'] },
  findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  // A client that logs in by itself has a mailbox of its own.
  extraTokenClaims: (ctx, token) => ({ login: token.accountId ?? 'third' }),
  ttl: {
    AccessToken: lifetimeOf(3600),
    ClientCredentials: lifetimeOf(600),
    AuthorizationCode: 60,
    DeviceCode: 600,
    Grant: 86400,
    IdToken: 3600,
    Interaction: 3600,
    RefreshToken: 86400,
    Session: 86400,
  },
  features: {
    deviceFlow: { enabled: true },
    clientCredentials: { enabled: true },
    introspection: { enabled: true, allowedPolicy: () => true },
    revocation: { enabled: true },
    devInteractions: { enabled: true },
  },
  cookies: { keys: ['of the test'] },
});

provider.on('grant.success', (ctx) => console.log('granted', ctx.oidc.params.grant_type));
provider.on('grant.error', (ctx, error) => console.log('refused', ctx.oidc?.params?.grant_type, error.error, error.error_detail));
provider.on('server_error', (ctx, error) => console.log('fault', error.stack));

let busy = 0;
const answer = provider.callback();
function counted(request, response) {
  busy += 1;
  response.once('close', () => {
    busy -= 1;
  });
  answer(request, response);
}

function rig(request, response) {
  const [, first, what, value] = request.url.split('/');
  if (first !== 'rig') return answer(request, response);
  if (what === 'lifetime') lifetime = Number(value);
  return response.end(`${busy}\n`);
}

const pem = fs.readFileSync(path.join(folder, 'chain.pem'));
const servers = [
  [https.createServer({ key: pem, cert: pem }, counted), port],
  [http.createServer(rig), plainPort],
];
for (const [server, at] of servers) {
  // Dovecot keeps its connection for a minute, and a request on one that is just being closed would be lost.
  server.keepAliveTimeout = 120_000;
  server.listen(Number(at), '127.0.0.1');
}
