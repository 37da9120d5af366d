import { type Grant, grantedBy, startApiServer } from "../../../src/embedded/index.ts";
import type { PolicyRule } from "../../support/control-plane-access.ts";
import { ApiClient } from "./client.ts";
import { conformance } from "./suite.ts";
import type { Subject } from "./world.ts";

const ADMIN = { token: "admin-token", user: "admin" };

const everything = (user: string): Grant => ({ user, verbs: ["*"], groups: ["*"], resources: ["*"] });

const granted = (user: string, namespace: string, rules: readonly PolicyRule[]): Grant[] =>
  rules.map(({ verbs, apiGroups, resources }) => ({
    user,
    verbs,
    groups: apiGroups,
    resources,
    namespaces: [namespace],
  }));

async function start(): Promise<Subject> {
  const grants: Grant[] = [everything(ADMIN.user)];
  const server = await startApiServer({
    tokens: { [ADMIN.token]: { name: ADMIN.user } },
    authorize: grantedBy(grants),
  });
  let accounts = 0;
  return {
    admin: new ApiClient(server.url, { token: ADMIN.token }),
    async account(namespace, name, rules) {
      accounts += 1;
      const token = `account-token-${accounts}`;
      const user = `system:serviceaccount:${namespace}:${name}`;
      server.core.tokens.set(token, { name: user });
      grants.push(...granted(user, namespace, rules));
      return { token, user };
    },
    async compact() {
      server.core.compact();
    },
    stop: () => server.close(),
  };
}

conformance("embedded", start);
