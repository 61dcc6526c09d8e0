import { headers, type NatsConnection } from "nats";
import { expect } from "vitest";

export async function publish(connection: NatsConnection, stream: string, id: string): Promise<void> {
  const unique = headers();
  unique.set("Nats-Msg-Id", id);
  await expect
    .poll(
      () =>
        connection
          .jetstream()
          .publish(`${stream}.x`, id, { headers: unique })
          .then(
            () => true,
            () => false,
          ),
      {
        timeout: 30_000,
      },
    )
    .toBe(true);
}

export async function addStream(connection: NatsConnection, name: string): Promise<void> {
  const manager = await connection.jetstreamManager();
  await manager.streams.add({ name, subjects: [`${name}.>`], num_replicas: 3 });
}
