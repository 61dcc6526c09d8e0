import type { OpenConnection } from "../connection.js";
import { type Dialler, TestSession } from "../connection-test/test-session.js";

/** Connects, hands the connection to `use`, and closes it, whatever happens. `name` is what the server's monitoring shows. */
export async function withLink<T>(
  name: string,
  dialler: Dialler,
  signal: AbortSignal,
  use: (link: OpenConnection) => Promise<T>,
): Promise<T> {
  const session = new TestSession(name, signal);
  try {
    await session.adopt(await dialler.connect(session.context));
    return await use(session.link);
  } finally {
    await session.close();
  }
}
