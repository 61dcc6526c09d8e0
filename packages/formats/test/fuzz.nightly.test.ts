import { describeFuzz, describeSchemaFuzz } from "./fuzz-lane.ts";

describeFuzz(Number(process.env.FUZZ_PAYLOADS ?? 1_000_000));
describeSchemaFuzz(Number(process.env.FUZZ_SCHEMAS ?? 50_000));
