import { fc, test } from "@fast-check/vitest";
import { describe, expect, it } from "vitest";
import { ConnectorOptions, type Environment, type OptionEntry, Secret } from "../src/index.js";

function bag(options: Record<string, unknown>, environment: Environment = {}): ConnectorOptions {
  const entries = Object.entries(options).map(([name, value], i): OptionEntry => {
    return { name: name.toLowerCase(), label: name, value, place: { line: i + 1, column: 5, length: name.length } };
  });
  return new ConnectorOptions(entries, environment, { place: { line: 9, column: 1, length: 4 } });
}

function failing(code: string, message: string, line?: number): unknown {
  return expect.objectContaining({
    code,
    message,
    ...(line === undefined ? {} : { place: expect.objectContaining({ line }) }),
  });
}

describe("names", () => {
  it("reports duplicates first of all, at construction", () => {
    const entry = { name: "stream", label: "stream", value: "A", place: { line: 1, column: 1, length: 6 } };
    const second = { ...entry, label: "Stream", place: { line: 2, column: 1, length: 6 } };
    expect(() => new ConnectorOptions([entry, entry], {})).toThrow(
      failing("OPTION_DUPLICATE", 'option "stream" is given twice'),
    );
    expect(() => new ConnectorOptions([entry, second], {})).toThrow(
      failing("OPTION_DUPLICATE", 'options "stream" and "Stream" set the same thing; give one of them', 2),
    );
  });

  it("reports an unknown option before a missing one", () => {
    const options = bag({ type: "source", Strem: "ORDERS" });
    options.declare(["servers", "stream", "type"]);
    expect(() => options.pullString("servers")).toThrow(
      failing("OPTION_UNKNOWN", 'unknown option "Strem"; did you mean "stream"?', 2),
    );
  });

  it("reports a missing option when all the others are known", () => {
    const options = bag({ type: "source", "header.X-Id": "1" });
    options.declare(["servers", "type", "header.*"]);
    expect(() => options.pullString("servers")).toThrow(failing("OPTION_MISSING", 'option "servers" is required', 9));
  });

  it("refuses what nobody pulled", () => {
    const options = bag({ stream: "A", colour: "red" });
    options.pullString("stream");
    expect(() => options.finish()).toThrow(failing("OPTION_UNKNOWN", 'unknown option "colour"', 2));
  });

  it("says what a misplaced option applies to", () => {
    const options = bag({ stream: "A", queue_group: "g", partitions: 4 });
    options.declare(["queue_group"], "a Core source");
    options.declare(["partitions"]);
    options.pullString("stream");
    expect(() => options.finish()).toThrow(
      failing("OPTION_UNKNOWN", 'option "queue_group" applies only to a Core source', 2),
    );
    const other = bag({ partitions: 4 });
    other.declare(["partitions"]);
    expect(() => other.finish()).toThrow(failing("OPTION_UNKNOWN", 'option "partitions" does not apply here', 1));
  });

  it("suggests what is valid here before what is valid elsewhere, and members of families", () => {
    const options = bag({ "heder.X-Id": "1" });
    options.declare(["header.*"]);
    expect(() => options.finish()).toThrow('unknown option "heder.X-Id"; did you mean "header.X-Id"?');
    const two = bag({ streem: "A" });
    two.declare(["streek"], "elsewhere");
    two.declare(["stream"]);
    expect(() => two.finish()).toThrow('did you mean "stream"?');
  });

  it("spells as the caller of the object form does", () => {
    const options = ConnectorOptions.fromObject({ consumer: { ackPolcy: "none" } });
    options.declare(["consumer.ack_policy", "connect_timeout"]);
    expect(() => options.finish()).toThrow('unknown option "consumer.ackPolcy"; did you mean "consumer.ackPolicy"?');
  });

  it("names both options of a conflict", () => {
    const options = bag({ stream: "A", subject: "b" });
    expect(() => options.exclusive(["stream", "subject"])).toThrow(
      failing("OPTION_CONFLICT", 'options "stream" and "subject" exclude each other', 2),
    );
    expect(() => options.exclusive(["stream", "queue_group"])).not.toThrow();
  });

  const names = fc.uniqueArray(fc.stringMatching(/^[a-z]{1,6}(\.[a-z_]{1,6})?$/), { minLength: 1 });
  test.prop([names, fc.nat()])("finish() passes exactly when everything was pulled", (all, pick) => {
    const options = bag(Object.fromEntries(all.map((name) => [name, "x"])));
    const left = all[pick % all.length];
    for (const name of all) if (name !== left) options.pullOptionalString(name);
    expect(() => options.finish()).toThrow(expect.objectContaining({ code: "OPTION_UNKNOWN" }));
    options.pullOptionalString(left as string);
    options.finish();
  });
});

describe("values", () => {
  it("resolves variables in every pull", () => {
    const environment = { N: "5", WAIT: "30s", LIST: "a, b", YES: "TRUE", S: "x" };
    const options = bag(
      {
        i: "{{ N }}",
        d: "{{ WAIT }}",
        l: "{{ LIST }},c",
        b: "{{ YES }}",
        s: "<{{ S }}>",
        "h.a": "{{ S }}",
        r: "{{ S }}",
      },
      environment,
    );
    expect(options.pullInt("i")).toBe(5);
    expect(options.pullDuration("d")).toBe(30_000);
    expect(options.pullList("l")).toEqual(["a", "b", "c"]);
    expect(options.pullBool("b")).toBe(true);
    expect(options.pullString("s")).toBe("<x>");
    expect([...options.pullFamily("h.")]).toEqual([["a", "x"]]);
    expect(options.pullRaw("r")).toBe("x");
    options.finish();
  });

  it("keeps variables in a template, but notices missing ones", () => {
    const options = bag({ a: "{{ A }}", b: "{{ B }}" }, { A: "s3cret" });
    expect(options.pullTemplate("a")).toBe("{{ A }}");
    expect(() => options.pullTemplate("b")).toThrow(
      failing("ENV_MISSING", 'option "b" needs the environment variable B, which is not set', 2),
    );
  });

  it("names option, expectation and what came", () => {
    const options = bag({
      ack: "sometimes",
      n: "1.5",
      d: "5 minutes",
      b: "yes",
      size: "64M",
      list: "a,,b",
      f: () => 1,
    });
    expect(() => options.pullChoice("ack", ["auto", "none"])).toThrow(
      failing("OPTION_INVALID", 'option "ack": expected one of "auto", "none", got "sometimes"', 1),
    );
    expect(() => options.pullInt("n", { min: 1, max: 9 })).toThrow('expected an integer from 1 to 9, got "1.5"');
    expect(() => options.pullDuration("d")).toThrow('expected a duration such as "250ms"');
    expect(() => options.pullBool("b")).toThrow('expected true or false, got "yes"');
    expect(() => options.pullBytes("size")).toThrow('or a number of bytes, got "64M"');
    expect(() => options.pullList("list")).toThrow("a comma-separated list without empty items");
    expect(() => options.pullString("f")).toThrow('option "f": expected text, got function');
  });

  it("shows neither a Secret nor the value of a variable", () => {
    const options = bag({ n: new Secret("hunter2"), m: "{{ PW }}" }, { PW: "hunter2" });
    expect(() => options.pullInt("n")).toThrow('option "n": expected an integer, got [secret]');
    expect(() => options.pullInt("m")).toThrow('option "m": expected an integer, got "{{ PW }}"');
  });

  it("hands a Secret, a function and bytes through", () => {
    const secret = new Secret("hunter2");
    const sign = (): void => {};
    const options = bag({ secret, sign, bytes: new Uint8Array(2) });
    expect(options.pullRaw("secret")).toBe(secret);
    expect(options.pullTemplate("secret")).toBe("hunter2");
    expect(options.pullRaw("sign")).toBe(sign);
    expect(options.pullRaw("bytes")).toEqual(new Uint8Array(2));
    expect(options.pullRaw("absent")).toBeUndefined();
  });

  it("compares choices without case and dashes", () => {
    expect(bag({ p: "By-Start_TIME" }).pullChoice("p", ["all", "by_start_time"])).toBe("by_start_time");
  });

  it("refuses integers that a number cannot hold", () => {
    expect(() => bag({ n: "9007199254740993" }).pullInt("n")).toThrow("expected an integer");
    expect(bag({ n: -1 }).pullInt("n")).toBe(-1);
    expect(() => bag({ n: "-1" }).pullInt("n", { min: 0 })).toThrow('expected an integer not below 0, got "-1"');
  });

  const numbers = fc.integer({ min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER });
  test.prop([numbers])("integers come through exactly, quoted or bare", (n) => {
    expect(bag({ n }).pullInt("n")).toBe(n);
    expect(bag({ n: ` ${n} ` }).pullInt("n")).toBe(n);
  });

  const items = fc.array(
    fc.stringMatching(/^[^,{}\s][^,{}]{0,5}$/).map((text) => text.trim()),
    { minLength: 1 },
  );
  test.prop([items])("lists come through as text and as arrays", (list) => {
    expect(bag({ list: list.join(" , ") }).pullList("list")).toEqual(list);
    expect(bag({ list }).pullList("list")).toEqual(list);
  });
});

describe("fromObject", () => {
  it("turns nested camelCase into option names", () => {
    const options = ConnectorOptions.fromObject({
      servers: ["a:4222", "b:4222"],
      connectTimeoutMs: 500,
      reconnectTimeout: "10s",
      consumer: { ackPolicy: "none", maxBatch: 100, ackWaitMs: 1500 },
      tls: { caFile: "/ca.pem", handshakeFirst: true },
      header: { "X-Id": "{id}", traceId: "{trace}", Ms: 5, retryMs: 3 },
      "publish.max_in_flight": 7,
      absent: undefined,
    });
    expect(options.pullList("servers")).toEqual(["a:4222", "b:4222"]);
    expect(options.pullDuration("connect_timeout")).toBe(500);
    expect(options.pullDuration("reconnect_timeout")).toBe(10_000);
    expect(options.pullChoice("consumer.ack_policy", ["none"])).toBe("none");
    expect(options.pullInt("consumer.max_batch")).toBe(100);
    expect(options.pullDuration("consumer.ack_wait")).toBe(1500);
    expect(options.pullString("tls.ca_file")).toBe("/ca.pem");
    expect(options.pullBool("tls.handshake_first")).toBe(true);
    expect([...options.pullFamily("header.")]).toEqual([
      ["X-Id", "{id}"],
      ["traceId", "{trace}"],
      ["Ms", "5"],
      ["retryMs", "3"],
    ]);
    expect(options.pullInt("publish.max_in_flight")).toBe(7);
    options.finish();
  });

  it("refuses a bare number as a duration and one thing said twice", () => {
    expect(() => ConnectorOptions.fromObject({ connectTimeout: 10 }).pullDuration("connect_timeout")).toThrow(
      'option "connectTimeout": expected a duration such as "250ms", "30s", "5m", "1h" or "7d", or a number of milliseconds as "connectTimeoutMs", got 10',
    );
    expect(() => ConnectorOptions.fromObject({ connectTimeout: "1s", connectTimeoutMs: 10 })).toThrow(
      'options "connectTimeout" and "connectTimeoutMs" set the same thing; give one of them',
    );
  });

  it("takes only plain objects", () => {
    expect(() => ConnectorOptions.fromObject([])).toThrow("expected a plain object, got array");
    const value = new Map();
    expect(ConnectorOptions.fromObject({ value }).pullRaw("value")).toBe(value);
    expect(() => ConnectorOptions.fromObject({ stream: null }).pullString("stream")).toThrow("expected text, got null");
  });
});
