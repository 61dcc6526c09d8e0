import { inspect } from "node:util";
import { expect, it } from "vitest";
import { ConnectorError, errorCodes, isConnectorError, isSecret, Secret, toConnectorError } from "../src/index.js";

it("derives exit code and retry from the code", () => {
  for (const [code, facts] of Object.entries(errorCodes)) {
    const error = new ConnectorError(code as keyof typeof errorCodes, "message");
    expect(error).toMatchObject({ code, ...facts, message: "message", context: {} });
  }
  expect(new ConnectorError("AUTH_FAILED", "m", { retry: "backoff" }).retry).toBe("backoff");
});

it("recognises errors of another copy of the package", () => {
  expect(isConnectorError(new ConnectorError("CLOSED", "m"))).toBe(true);
  const foreign = Object.assign(new Error("m"), { [Symbol.for("@x/connector-api/ConnectorError")]: true });
  expect(isConnectorError(foreign)).toBe(true);
  expect(isConnectorError(new Error("m"))).toBe(false);
  expect(toConnectorError(foreign)).toBe(foreign);
  expect(toConnectorError("thrown text")).toMatchObject({
    code: "UNEXPECTED",
    message: "thrown text",
    cause: "thrown text",
  });
});

it("prints no secret anywhere", () => {
  const secret = new Secret("hunter2");
  const error = new ConnectorError("AUTH_FAILED", `refused ${secret}`, { context: { secret } });
  for (const text of [
    `${secret}`,
    JSON.stringify({ secret }),
    inspect({ secret }),
    inspect(error),
    JSON.stringify(error),
  ]) {
    expect(text).not.toContain("hunter2");
  }
  expect(secret.reveal()).toBe("hunter2");
  expect(isSecret(secret)).toBe(true);
  expect(isSecret({})).toBe(false);
});
