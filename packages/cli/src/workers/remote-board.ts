import { type BoardEntry, ConnectorError, type GroupBoard } from "@x/connector-api";
import type { BoardReplacement, FromWorker, ToWorker } from "./messages.js";

/** The boards that the command keeps, as its worker sees them. */
export class RemoteBoards {
  readonly #send: (message: FromWorker) => void;
  readonly #waiting = new Map<number, { resolve(answer: unknown): void; reject(error: ConnectorError): void }>();
  #lastId = 0;
  #gone = false;

  constructor(send: (message: FromWorker) => void) {
    this.#send = send;
  }

  of(pipeline: string): GroupBoard {
    return {
      read: () => this.#ask<BoardEntry>(pipeline),
      replace: (entry, text) => this.#ask<boolean>(pipeline, { entry, text }),
    };
  }

  answered({ id, answer }: Extract<ToWorker, { type: "board" }>): void {
    this.#waiting.get(id)?.resolve(answer);
    this.#waiting.delete(id);
  }

  /** Nobody answers any more. */
  close(): void {
    this.#gone = true;
    for (const { reject } of this.#waiting.values()) reject(gone());
    this.#waiting.clear();
  }

  #ask<T>(pipeline: string, replace?: BoardReplacement): Promise<T> {
    if (this.#gone) return Promise.reject(gone());
    const id = ++this.#lastId;
    return new Promise<T>((resolve, reject) => {
      this.#waiting.set(id, { resolve: (answer) => resolve(answer as T), reject });
      this.#send({ type: "board", id, pipeline, ...(replace === undefined ? {} : { replace }) });
    });
  }
}

function gone(): ConnectorError {
  return new ConnectorError("CLOSED", "the command that started this worker is gone");
}
