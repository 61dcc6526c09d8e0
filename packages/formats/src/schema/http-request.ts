export interface HttpRequest {
  readonly method: "GET" | "POST";
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  /** For the whole of one answer. */
  readonly timeoutMs: number;
  readonly maxBytes: number;
  /** PEM of the authorities to trust instead of the system's. */
  readonly ca?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface HttpAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly location: string | undefined;
  readonly body: string;
}

/** One HTTP exchange with a bounded answer; redirects are the caller's. Rejects with a plain Error. */
export async function sendRequest(url: URL, options: HttpRequest): Promise<HttpAnswer> {
  // Loaded with the first question: a pipeline without a registry starts without them.
  const { request: send } = url.protocol === "https:" ? await import("node:https") : await import("node:http");
  const { method, headers, body, timeoutMs, maxBytes, ca, signal } = options;
  return new Promise((resolve, reject) => {
    const limit = AbortSignal.timeout(timeoutMs);
    const stop = signal === undefined ? limit : AbortSignal.any([limit, signal]);
    const sent = { method, headers: { ...headers, connection: "close" }, signal: stop };
    const outgoing = send(url, url.protocol === "https:" && ca !== undefined ? { ...sent, ca } : sent, (incoming) => {
      const chunks: Buffer[] = [];
      let size = 0;
      incoming.on("data", (chunk: Buffer) => {
        size += chunk.length;
        chunks.push(chunk);
        if (size <= maxBytes) return;
        reject(new Error(`the answer is larger than ${maxBytes} bytes`));
        incoming.destroy();
      });
      incoming.on("error", reject);
      incoming.on("aborted", () => reject(new Error("the answer was cut off")));
      incoming.on("end", () => {
        resolve({
          status: incoming.statusCode ?? 0,
          contentType: incoming.headers["content-type"] ?? "",
          location: incoming.headers.location,
          body: Buffer.concat(chunks).toString("utf8"),
        });
      });
    });
    outgoing.on("error", (error) => reject(limit.aborted ? new Error(`no answer within ${timeoutMs} ms`) : error));
    outgoing.end(body);
  });
}
