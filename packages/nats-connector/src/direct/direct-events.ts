import type { OperatorEvent } from "@x/connector-api";

export type EventType = OperatorEvent["type"];
/** The event of one type. */
export type EventOf<Type extends EventType> = Extract<OperatorEvent, { readonly type: Type }>;
/** What it throws is the program's own uncaught exception: it never reaches the source or the sink. */
export type EventListener<Type extends EventType> = (event: EventOf<Type>) => void;

/** Typed listeners of one source or sink, called right behind the event. */
export class DirectEvents {
  readonly #listeners = new Set<{ readonly type: EventType; readonly listener: (event: never) => void }>();

  /** Listens until the returned function is called. */
  on<Type extends EventType>(type: Type, listener: EventListener<Type>): () => void {
    const entry = { type, listener };
    this.#listeners.add(entry);
    return () => void this.#listeners.delete(entry);
  }

  readonly emit = (event: OperatorEvent): void => {
    for (const { type, listener } of this.#listeners) {
      if (type === event.type) queueMicrotask(() => listener(event as never));
    }
  };
}
