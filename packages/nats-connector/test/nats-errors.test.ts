import { describe, expect, it } from "vitest";
import { fromApiError } from "../src/nats-errors.ts";

/** What a stream may answer to a publish, as nats-server has it (server/errors.json), and what becomes of it. */
describe("an answer to a publish", () => {
  it.each([
    // Waits, and is sent again.
    [10008, 503, "JetStream system temporarily unavailable", "SERVER_UNAVAILABLE", "backoff"],
    [10009, 500, "JetStream cluster can not handle request", "SERVER_UNAVAILABLE", "backoff"],
    [10041, 500, "general RAFT error", "SERVER_UNAVAILABLE", "backoff"],
    [10118, 500, "stream is offline", "SERVER_UNAVAILABLE", "backoff"],
    [10194, 500, "stream is offline: unsupported", "SERVER_UNAVAILABLE", "backoff"],
    [10158, 409, "duplicate message id is in process", "SERVER_UNAVAILABLE", "backoff"],
    [10163, 503, "expected last sequence per subject temporarily unavailable", "SERVER_UNAVAILABLE", "backoff"],
    [10167, 429, "too many requests", "SERVER_UNAVAILABLE", "backoff"],
    [10176, 400, "atomic publish batch is incomplete", "SERVER_UNAVAILABLE", "backoff"],
    [10210, 429, "atomic publish too many inflight", "SERVER_UNAVAILABLE", "backoff"],
    [10211, 429, "batch publish too many inflight", "SERVER_UNAVAILABLE", "backoff"],
    // No room: backpressure.
    [10002, 400, "resource limits exceeded for account", "CAPACITY", "backoff"],
    [10023, 503, "insufficient resources", "CAPACITY", "backoff"],
    [10028, 500, "insufficient memory resources available", "CAPACITY", "backoff"],
    [10047, 500, "insufficient storage resources available", "CAPACITY", "backoff"],
    [10077, 503, "maximum messages exceeded", "CAPACITY", "backoff"],
    // One message alone: the bad-data policy.
    [10054, 400, "message size exceeds maximum allowed", "MESSAGE_TOO_LARGE", "never"],
    [10097, 400, "header size exceeds maximum allowed of 64k", "MESSAGE_TOO_LARGE", "never"],
    [10165, 400, "invalid per-message TTL", "BAD_DATA", "never"],
    [10171, 400, "message counter increment is invalid", "BAD_DATA", "never"],
    [10189, 400, "message schedules pattern is invalid", "BAD_DATA", "never"],
    // Settings: ends, or another look at the stream tells.
    [10059, 404, "stream not found", "STREAM_NOT_FOUND", "never"],
    [10060, 400, "expected stream does not match", "STREAM_MISMATCH", "never"],
    [10109, 400, "invalid operation on sealed stream", "STREAM_MISMATCH", "never"],
    [10039, 503, "JetStream not enabled for account", "CAPABILITY_MISSING", "never"],
    [10076, 503, "JetStream not enabled", "CAPABILITY_MISSING", "never"],
    [10185, 412, "JetStream minimum api level required", "CAPABILITY_MISSING", "never"],
    [10111, 500, "rollup not permitted", "CAPABILITY_MISSING", "rebuild"],
    [10166, 400, "per-message TTL is disabled", "CAPABILITY_MISSING", "rebuild"],
    [10168, 400, "message counters is disabled", "CAPABILITY_MISSING", "rebuild"],
    [10174, 400, "atomic publish is disabled", "CAPABILITY_MISSING", "rebuild"],
    [10188, 400, "message schedules is disabled", "CAPABILITY_MISSING", "rebuild"],
    [10199, 400, "atomic publish batch is too large: 100", "CAPABILITY_MISSING", "never"],
    [10205, 400, "batch publish is disabled", "CAPABILITY_MISSING", "rebuild"],
    // Mistakes of our own.
    [10175, 400, "atomic publish sequence is missing", "UNEXPECTED", "never"],
    [10177, 400, "atomic publish unsupported header used", "UNEXPECTED", "never"],
    [10179, 400, "atomic publish batch ID is invalid", "UNEXPECTED", "never"],
    [10200, 400, "atomic publish batch commit is invalid", "UNEXPECTED", "never"],
    [10201, 400, "atomic publish batch contains duplicate message id", "UNEXPECTED", "never"],
    // Somebody else was there: whoever expects something finds out who.
    [10070, 400, "wrong last msg ID: x", "PROGRESS_MISMATCH", "never"],
    [10071, 400, "wrong last sequence: 7", "PROGRESS_MISMATCH", "never"],
    [10164, 400, "wrong last sequence", "PROGRESS_MISMATCH", "never"],
  ])("%i (%i %s) is %s, to be tried again: %s", (errCode, status, description, code, retry) => {
    const error = fromApiError({ err_code: errCode, code: status, description }, 'publish to "a"');
    expect(error).toMatchObject({ code, retry, context: { errCode, status } });
    expect(error.message).toContain(`cannot publish to "a": ${description}`);
  });

  it.each([10060, 10109, 10111, 10166, 10174, 10188])("%i says what to do", (errCode) => {
    const { message } = fromApiError({ err_code: errCode, code: 400, description: "refused" }, 'publish to "a"');
    expect(message).toMatch(/refused; (set|publish into|another stream captures)/);
  });
});
