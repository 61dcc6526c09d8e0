import { connect } from "nats";
import { streams } from "../contest/entrant.js";

/** A whole program: connects, takes one message, prints it. What starting costs at least, with Node and the client. */
const connection = await connect({ servers: process.argv[2] ?? "" });
const consumer = await connection.jetstream().consumers.get(streams.input.name);
const message = await consumer.next();
process.stdout.write(`${JSON.stringify(message?.json())}\n`);
await connection.close();
