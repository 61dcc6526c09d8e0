import {
  abortable,
  type ConnectionSchema,
  type Decoder,
  type Encoder,
  isConnectorError,
  type OperatorConfig,
  physicalSchema,
  type TestMessage,
} from "@x/connector-api";
import { resolveDeadLetterStream } from "../dead-letter/dead-letter-stream.js";
import type { TableConfig } from "../table-config.js";
import { coreSourceSteps } from "./core-source-steps.js";
import { decodeSample, describeSample } from "./decode-sample.js";
import { probePermissions } from "./permission-probe.js";
import { runSteps, type TestStep } from "./run-steps.js";
import { sinkSteps } from "./sink-steps.js";
import { jetStreamSourceSteps, type SampleReader } from "./source-steps.js";
import { connectSteps, type Dialler, TestSession } from "./test-session.js";

/** A table to try, with every implementation it needs behind functions. */
export interface TableTest {
  readonly name: string;
  readonly table: TableConfig;
  readonly schema: ConnectionSchema | undefined;
  readonly config: OperatorConfig | undefined;
  readonly dialler: Dialler;
  /** Compiles the operator, for its errors. Undefined when format or columns are not known. */
  readonly compile: (() => void) | undefined;
  openDecoder(signal: AbortSignal): Promise<Decoder>;
  openEncoder(signal: AbortSignal): Promise<Encoder>;
}

/** Tries a table on its server. Creates nothing that outlives the iteration, and stores and delivers no message. */
export function testTable(test: TableTest, signal: AbortSignal): AsyncIterable<TestMessage> {
  const session = new TestSession(test.name, signal);
  const steps = [
    ...configurationSteps(test),
    ...connectSteps(session, test.dialler),
    ...tableSteps(session, test),
    ...deadLetterSteps(session, test.config),
  ];
  return runSteps({ what: `table "${test.name}"`, steps, signal, close: () => session.close() });
}

/** Tries to connect and enter, and looks whether there is JetStream. */
export function testConnection(dialler: Dialler, signal: AbortSignal): AsyncIterable<TestMessage> {
  const session = new TestSession("profile", signal);
  const jetStream: TestStep = {
    name: "jetstream",
    doing: "asking for JetStream",
    async run(inner) {
      try {
        await session.link.api.accountInfo(inner);
        return "JetStream is there";
      } catch (error) {
        if (!isConnectorError(error) || error.code === "ABORTED" || error.code === "CONNECTION_LOST") throw error;
        return error.code === "PERMISSION_DENIED"
          ? "not known: this user may not ask; a table's own test tells"
          : `no JetStream for this user, Core subjects only (${error.code})`;
      }
    },
  };
  const steps = [...connectSteps(session, dialler), jetStream];
  return runSteps({ what: "the connection", steps, signal, close: () => session.close() });
}

function configurationSteps({ compile }: TableTest): readonly TestStep[] {
  const run = async (): Promise<string> => {
    if (compile === undefined) return "not tried: format and columns are not known";
    compile();
    return "options, columns and format go together";
  };
  return [{ name: "configuration", doing: "compiling the table", run }];
}

function tableSteps(session: TestSession, test: TableTest): readonly TestStep[] {
  const { table, schema, compile } = test;
  const readSample = compile === undefined ? undefined : sampleReader(test);
  switch (table.type) {
    case "jetstream-source":
      return jetStreamSourceSteps(session, table, readSample);
    case "core-source":
      return coreSourceSteps(session, table, readSample);
    default: {
      const steps = deferred(() => sinkSteps(session, table, schema));
      return compile === undefined ? steps : [...steps, encoderStep(test)];
    }
  }
}

/** Steps whose making may throw a coded error, which then is the failure of the first of them. */
function deferred(make: () => readonly TestStep[]): readonly TestStep[] {
  try {
    return make();
  } catch (error) {
    return [{ name: "subject", doing: "reading the subject", run: () => Promise.reject(error) }];
  }
}

function encoderStep({ openEncoder }: TableTest): TestStep {
  return {
    name: "format",
    doing: "opening the format",
    async run(signal) {
      await openEncoder(signal);
      return "the format can write these columns";
    },
  };
}

function sampleReader({ schema, config, openDecoder }: TableTest): SampleReader {
  const columns = physicalSchema(schema ?? { columns: [] });
  return async (payload, what, signal) => {
    const decoder = await abortable(openDecoder(signal), signal);
    try {
      const sample = await decodeSample(payload, decoder, config?.framing, columns);
      return `${what}: ${describeSample(sample, columns)}`;
    } catch (error) {
      const behavior = config?.badData?.behavior ?? "fail";
      if (!isConnectorError(error) || error.code !== "BAD_DATA" || behavior === "fail") throw error;
      return `${what} is bad data, which bad_data = '${behavior}' passes over: ${error.message}`;
    }
  };
}

function deadLetterSteps(session: TestSession, config: OperatorConfig | undefined): readonly TestStep[] {
  const badData = config?.badData;
  if (badData?.behavior !== "dead_letter") return [];
  return [
    {
      name: "dead letters",
      doing: `looking for the stream of "${badData.subject}"`,
      async run(signal) {
        const { config: stream } = await resolveDeadLetterStream(session.link.api, badData.subject, signal);
        await probePermissions(session.link, { publish: [{ subject: badData.subject }], subscribe: [] }, signal);
        return `stream "${stream.name}" keeps the dead letters`;
      },
    },
  ];
}
