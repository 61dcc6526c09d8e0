/**
 * What must not be missed, as ratios of speeds within one run. `ci`: `npm run bench -- --short` fails when three rounds of
 * four are below it; it leaves room for a noisy machine. `goal`: what the long run is held to. A ratio without a floor is
 * reported only.
 */
export const floors: Readonly<Record<string, { readonly ci: number; readonly goal: number }>> = {
  "decode json: typed rows / JSON.parse": { ci: 0.6, goal: 0.7 },
  "decode avro: typed rows / avsc fromBuffer": { ci: 0.6, goal: 0.75 },
  "decode protobuf: typed rows / decode + toObject": { ci: 0.65, goal: 0.75 },
  "encode json: rows / JSON.stringify": { ci: 0.6, goal: 0.7 },
  "encode avro: rows / avsc toBuffer": { ci: 0.6, goal: 0.75 },
  "encode protobuf: rows / encode": { ci: 0.6, goal: 0.75 },
  "source 100B: raw bytes / floor": { ci: 0.65, goal: 0.82 },
  "source 100B: json rows / floor": { ci: 0.4, goal: 0.5 },
  "sink 100B: json rows / floor": { ci: 0.65, goal: 0.9 },
  "sink 100B: json rows / skilled": { ci: 3, goal: 4 },
  "sink 100B with message_id: json rows / floor": { ci: 0.65, goal: 0.9 },
  "sink 100B with message_id: json rows / skilled": { ci: 3, goal: 4 },
  "sink 100B: exactly once / at least once": { ci: 0.3, goal: 0.45 },
  "pipeline json 100B: exactly once / at least once": { ci: 0.4, goal: 0.6 },
  "pipeline json 100B: at least once / skilled": { ci: 5, goal: 7 },
  "pipeline json 100B: at least once / naive": { ci: 12, goal: 16 },
  "pipeline json 100B: exactly once / skilled": { ci: 3.5, goal: 4.5 },
  "where late flights: duckdb / plain code": { ci: 0.5, goal: 0.75 },
  "metrics json 100B: observed / unobserved": { ci: 0.65, goal: 0.95 },
  "latency 1,000 msg/s: p50 of raw loop / pipeline": { ci: 0.3, goal: 0.7 },
  "startup first row: a script on the client / nats-pipeline run": { ci: 0.2, goal: 0.3 },
  "memory: held at first / after ten times as many": { ci: 0.85, goal: 0.87 },
};
