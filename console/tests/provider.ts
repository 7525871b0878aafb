// An OpenID Connect provider of this machine that knows one person and asks nothing of her.
import { createHash, createSign, generateKeyPairSync } from "node:crypto";
import { createServer, type Server as HttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** An attempt that waits for its code to be redeemed. */
interface Attempt {
  nonce: string;
  challenge: string;
}

export class Provider {
  readonly clientId = "trailwatch";
  /** What she is in, as the next ID token says. */
  groups: string[] = ["ops"];
  /** True when she cancels. */
  cancels = false;
  private readonly keys = generateKeyPairSync("rsa", { modulusLength: 2048 });
  private readonly attempts = new Map<string, Attempt>();

  private constructor(private readonly http: HttpServer) {
    http.on("request", (request, answer) => void this.answer(request, answer));
  }

  static async start(): Promise<Provider> {
    const http = createServer();
    await new Promise<void>((done) => http.listen(0, "127.0.0.1", done));
    return new Provider(http);
  }

  stop(): void {
    this.http.close();
    this.http.closeAllConnections();
  }

  get issuer(): string {
    return `http://127.0.0.1:${(this.http.address() as AddressInfo).port}`;
  }

  /** As trust policies name it. */
  get name(): string {
    return this.issuer.replace("http://", "");
  }

  private async answer(request: IncomingMessage, answer: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", this.issuer);
    const json = (body: object, status = 200) =>
      answer.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    switch (url.pathname) {
      case "/.well-known/openid-configuration":
        json({
          issuer: this.issuer,
          authorization_endpoint: `${this.issuer}/authorize`,
          token_endpoint: `${this.issuer}/token`,
          jwks_uri: `${this.issuer}/keys`,
        });
        return;
      case "/keys":
        json({ keys: [{ ...this.keys.publicKey.export({ format: "jwk" }), kid: "k", use: "sig", alg: "RS256" }] });
        return;
      case "/authorize":
        this.authorize(url.searchParams, answer);
        return;
      case "/token": {
        let form = "";
        for await (const chunk of request) form += chunk;
        const token = this.redeem(new URLSearchParams(form));
        if (token) json({ access_token: "a", token_type: "Bearer", id_token: token });
        else json({ error: "invalid_grant" }, 400);
        return;
      }
      default:
        json({}, 404);
    }
  }

  private authorize(asked: URLSearchParams, answer: ServerResponse): void {
    const back = new URL(asked.get("redirect_uri") ?? "");
    back.searchParams.set("state", asked.get("state") ?? "");
    if (this.cancels) {
      back.searchParams.set("error", "access_denied");
    } else {
      const code = `code-${this.attempts.size}`;
      this.attempts.set(code, { nonce: asked.get("nonce") ?? "", challenge: asked.get("code_challenge") ?? "" });
      back.searchParams.set("code", code);
    }
    answer.writeHead(302, { location: back.toString() }).end();
  }

  /** Each code once, for who knows its verifier. */
  private redeem(form: URLSearchParams): string | undefined {
    const code = form.get("code") ?? "";
    const attempt = this.attempts.get(code);
    this.attempts.delete(code);
    const challenge = createHash("sha256")
      .update(form.get("code_verifier") ?? "")
      .digest("base64url");
    if (attempt?.challenge !== challenge || form.get("client_id") !== this.clientId) return undefined;
    const now = Math.floor(Date.now() / 1000);
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const claims = {
      iss: this.issuer,
      aud: this.clientId,
      sub: "u-1",
      iat: now,
      exp: now + 60,
      nonce: attempt.nonce,
      email: "jane@example.com",
      email_verified: true,
      groups: this.groups,
    };
    const signed = `${part({ alg: "RS256", kid: "k" })}.${part(claims)}`;
    return `${signed}.${createSign("RSA-SHA256").update(signed).sign(this.keys.privateKey, "base64url")}`;
  }
}
