import { describe, expect, it } from "vitest";
import { accessReviews } from "../../../src/kube/reviews.ts";
import { ElectorateError } from "../../../src/runtime/errors.ts";
import { ScriptedTransport, status } from "./scripted-transport.ts";

const USER = {
  username: "system:serviceaccount:monitoring:prometheus",
  uid: "u-1",
  groups: ["system:authenticated"],
  extra: { "authentication.kubernetes.io/pod-name": ["prometheus-0"] },
};

function review(fields: object) {
  return { status: 201, body: JSON.stringify({ metadata: {}, status: fields }) };
}

function parse(body: string): unknown {
  return JSON.parse(body);
}

function asking(...answers: ScriptedTransport["answers"]) {
  const transport = new ScriptedTransport();
  transport.answers = answers;
  return { transport, ask: accessReviews(transport) };
}

describe("a token under review", () => {
  it("is asked about as somebody else than its bearer, or for something else than the path", async () => {
    const { transport, ask } = asking(review({ authenticated: true, user: USER }), review({ allowed: true }));
    expect(await ask("secret", "/metrics")).toBe("granted");
    expect(transport.requests.map(({ method, path, body = "" }) => [method, path, parse(body)])).toEqual([
      ["POST", "/apis/authentication.k8s.io/v1/tokenreviews", { spec: { token: "secret" } }],
      [
        "POST",
        "/apis/authorization.k8s.io/v1/subjectaccessreviews",
        {
          spec: {
            user: USER.username,
            uid: USER.uid,
            groups: USER.groups,
            extra: USER.extra,
            nonResourceAttributes: { path: "/metrics", verb: "get" },
          },
        },
      ],
    ]);
  });

  it.each([
    ["not known", { authenticated: false, error: "expired" }],
    ["known to nobody", {}],
    ["of a user without a name", { authenticated: true, user: { groups: ["system:masters"] } }],
    ["of an empty name", { authenticated: true, user: { username: "" } }],
    ["known by a word that is not true", { authenticated: "true", user: USER }],
  ])("grants something although it is %s", async (_, said) => {
    const { transport, ask } = asking(review(said), review({ allowed: true }));
    expect(await ask("secret", "/metrics")).toBe("unknown");
    expect(transport.requests).toHaveLength(1);
  });

  it.each([{ allowed: false }, {}, { allowed: true, denied: true }, { allowed: "yes" }])(
    "grants something although its user may not: %j",
    async (said) => {
      const { ask } = asking(review({ authenticated: true, user: USER }), review(said));
      expect(await ask("secret", "/metrics")).toBe("forbidden");
    },
  );

  it.each([
    ["is refused", status(403, "Forbidden", "cannot create resource tokenreviews"), "forbidden"],
    ["fails", status(500, "InternalError"), "server-error"],
    ["does not come", new ElectorateError("timeout", "no answer"), "timeout"],
    ["is no JSON", { status: 201, body: "<html>" }, "malformed-answer"],
    ["is no review", { status: 201, body: "{}" }, "malformed-answer"],
  ] as const)("grants or refuses something although the answer %s", async (_, answer, code) => {
    await expect(asking(answer).ask("secret", "/metrics")).rejects.toMatchObject({ code });
    const known = review({ authenticated: true, user: USER });
    await expect(asking(known, answer).ask("secret", "/metrics")).rejects.toMatchObject({ code });
  });
});
