#!/bin/bash
# Revoking an access token at oidc-provider ends the refresh token as well.
#
# Version: oidc-provider 9.13.3 (npm), with its default settings but for revocation, which is switched on.
# Guess: a client that is done with an access token may revoke it, to be tidy (RFC 7009); the refresh token that it keeps
#   for the next time stays good, since only revoking a refresh token ends what was made from it.
# Behaviour: both are dead, the answer to the revocation is an empty 200 all the same, and the next refresh gets
#   invalid_grant, as if the user had withdrawn the consent. RFC 7009 section 2.1 allows it ("MAY"). A client must not
#   revoke access tokens of a login that it means to keep.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts --prefix . oidc-provider@9.13.3 >/dev/null

cat >run.mjs <<'JS'
import { readFileSync } from "node:fs";
import { Provider } from "oidc-provider";

const provider = new Provider("http://127.0.0.1", {
  clients: [{
    client_id: "mail", application_type: "native", token_endpoint_auth_method: "none",
    redirect_uris: ["http://127.0.0.1/back"], response_types: ["code"],
    grant_types: ["authorization_code", "refresh_token"],
  }],
  scopes: ["openid", "offline_access", "mail.send"],
  features: { revocation: { enabled: true }, devInteractions: { enabled: false } },
  findAccount: (_, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
});

/** The tokens of a login that has just been confirmed. */
async function login() {
  const scope = "openid offline_access mail.send";
  const grant = new provider.Grant({ clientId: "mail", accountId: "jane" });
  grant.addOIDCScope(scope);
  const client = await provider.Client.find("mail");
  const common = { client, accountId: "jane", grantId: await grant.save(), scope, gty: "authorization_code" };
  return {
    access: await new provider.AccessToken(common).save(),
    refresh: await new provider.RefreshToken({ ...common, rotations: 0 }).save(),
  };
}

const { version } = JSON.parse(readFileSync("node_modules/oidc-provider/package.json"));
console.log("version:", version);
const server = provider.listen(0, "127.0.0.1", async () => {
  const post = async (path, form) => {
    const body = new URLSearchParams({ client_id: "mail", ...form });
    const response = await fetch(`http://127.0.0.1:${server.address().port}${path}`, { method: "POST", body });
    const text = await response.text();
    return `${response.status} ${text ? (JSON.parse(text).error ?? "tokens") : "(empty)"}`;
  };
  const refresh = (token) => post("/token", { grant_type: "refresh_token", refresh_token: token });
  console.log("refresh:", await refresh((await login()).refresh));
  const tokens = await login();
  console.log("revoke an access token:", await post("/token/revocation", { token: tokens.access }));
  console.log("refresh after that:", await refresh(tokens.refresh));
  server.close();
  server.closeAllConnections();
});
JS

echo "guess: the refresh after that gives tokens"
timeout 60 node run.mjs 2>/dev/null | grep -v '^oidc-provider NOTICE' | tee seen
cat >expected <<'TEXT'
version: 9.13.3
refresh: 200 tokens
revoke an access token: 200 (empty)
refresh after that: 400 invalid_grant
TEXT
cmp -s expected seen || { echo "the behaviour has changed" >&2; exit 1; }
