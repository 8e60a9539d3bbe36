// oidc-provider with its own adapter, which keeps tokens in memory and loses them when it ends. Port, client and secret.
import * as http from "node:http";
import Provider from "oidc-provider";

const [port, client, secret] = process.argv.slice(2);
const resource = "https://api.example";
const provider = new Provider("https://issuer.example", {
  clients: [{
    client_id: client,
    client_secret: secret,
    grant_types: ["client_credentials"],
    redirect_uris: [],
    response_types: [],
    token_endpoint_auth_method: "client_secret_basic",
  }],
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => resource,
      getResourceServerInfo: () => ({ scope: "orders:write", accessTokenFormat: "opaque" }),
    },
  },
  routes: { token: "/oauth/token" },
  scopes: ["orders:write"],
});
const server = http.createServer(provider.callback());
server.keepAliveTimeout = 120_000;
server.listen(Number(port), "127.0.0.1");
