#!/usr/bin/env node
// The few commands of natscli that docs/tour.md uses, so that a test can execute the page without it.
import { connect } from "nats";

const [command = "", ...rest] = process.argv.slice(2);
const words = [];
const flags = new Map();
for (let i = 0; i < rest.length; i++) {
  const word = rest[i] ?? "";
  if (!word.startsWith("--")) words.push(word);
  else if (["--defaults", "--force"].includes(word)) flags.set(word, "");
  else flags.set(word, rest[++i] ?? "");
}
const connection = await connect({ servers: process.env.NATS_URL ?? "localhost" });
const manager = await connection.jetstreamManager();
if (command === "stream" && words[0] === "add") {
  await manager.streams.add({ name: words[1] ?? "", subjects: [flags.get("--subjects") ?? ""] });
} else if (command === "stream" && words[0] === "rmm") {
  await manager.streams.deleteMessage(words[1] ?? "", Number(words[2]));
} else if (command === "pub") {
  const [subject = "", body = ""] = words;
  const count = Number(flags.get("--count") ?? 1);
  const jetstream = connection.jetstream();
  for (let i = 1; i <= count; i += 500) {
    const upTo = Math.min(count, i + 499);
    const numbers = Array.from({ length: upTo - i + 1 }, (_, at) => i + at);
    await Promise.all(numbers.map((n) => jetstream.publish(subject, body.replaceAll("{{Count}}", String(n)))));
  }
} else throw new Error(`the tour's test does not know "nats ${process.argv.slice(2).join(" ")}"`);
await connection.close();
