import { headers } from "nats";
import { expect, test } from "vitest";
import { readStatus } from "../../src/jetstream/pull-status.js";

const status = (code: number, description: string, more: Readonly<Record<string, string>> = {}) => {
  const given = headers(code, description);
  for (const [name, value] of Object.entries(more)) given.set(name, value);
  return readStatus({ subject: "inbox", data: new Uint8Array(), headers: given });
};
const pending = (messages: number) => ({ "Nats-Pending-Messages": String(messages), "Nats-Pending-Bytes": "0" });

test.each([
  [100, "Idle Heartbeat", { "Nats-Last-Consumer": "7" }, { kind: "heartbeat", lastConsumer: 7 }],
  [100, "Idle Heartbeat", {}, { kind: "heartbeat", lastConsumer: undefined }],
  [404, "No Messages", pending(3), { kind: "ended", undelivered: 3 }],
  [408, "Request Timeout", pending(0), { kind: "ended", undelivered: 0 }],
  [408, "Interest Expired", {}, { kind: "ended", undelivered: undefined }],
  [409, "Batch Completed", pending(4), { kind: "ended", undelivered: 4 }],
  [409, "Leadership Change", {}, { kind: "reset" }],
  [409, "Server Shutdown", pending(2), { kind: "reset" }],
  [409, "Consumer Deleted", {}, { kind: "gone" }],
  [409, "Message Size Exceeds MaxBytes", pending(9), { kind: "too-large", undelivered: 9 }],
  [409, "Exceeded MaxWaiting", {}, { kind: "refused", description: "Exceeded MaxWaiting" }],
  [409, "Exceeded MaxRequestBatch of 5", {}, { kind: "refused", description: "Exceeded MaxRequestBatch of 5" }],
  [409, "Exceeded MaxRequestExpires of 1s", {}, { kind: "refused", description: "Exceeded MaxRequestExpires of 1s" }],
  [409, "Exceeded MaxRequestMaxBytes of 9", {}, { kind: "refused", description: "Exceeded MaxRequestMaxBytes of 9" }],
  [409, "Consumer is push based", {}, { kind: "refused", description: "Consumer is push based" }],
  [400, "Bad Request", {}, { kind: "refused", description: "400 Bad Request" }],
  [412, "Precondition Failed", {}, { kind: "refused", description: "412 Precondition Failed" }],
  [423, "Nats-Pin-Id mismatch", {}, { kind: "unavailable" }],
  [423, "Nats-Wrong-Pin-Id", pending(2), { kind: "unavailable" }],
  [503, "No Responders", {}, { kind: "unavailable" }],
] as const)("%i %s is what the server means by it", (code, description, more, meaning) => {
  expect(status(code, description, more)).toEqual(meaning);
});
