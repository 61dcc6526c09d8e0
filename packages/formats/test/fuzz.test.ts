import { describeFuzz, describeSchemaFuzz } from "./fuzz-lane.ts";

/** In CI; fuzz.nightly.test.ts has more. */
describeFuzz(Number(process.env.FUZZ_PAYLOADS ?? 50_000));
describeSchemaFuzz(Number(process.env.FUZZ_SCHEMAS ?? 2000));
