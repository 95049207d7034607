/** Sends requests with axios, so that interceptors, proxies and agents that are set up there apply. */

import axios, { type AxiosInstance, type AxiosResponse } from "axios";

/** A `fetch` that is made of axios. Retries, timeouts and errors stay what they are without it. */
export function axiosFetch(instance: AxiosInstance = axios.create()): typeof fetch {
  return async (input, init) => {
    const request = new Request(input, init);
    const hasBody = request.body !== null;
    const response: AxiosResponse<unknown> = await instance.request({
      url: request.url,
      method: request.method,
      headers: Object.fromEntries(request.headers),
      ...(hasBody ? { data: await request.arrayBuffer() } : {}),
      // A browser gives an answer when it is whole; elsewhere it is read as it comes.
      responseType: "window" in globalThis ? "arraybuffer" : "stream",
      signal: request.signal,
      // What a status means, the client decides; what is in a body, too.
      validateStatus: null,
      transformRequest: [(data: unknown) => data],
      transformResponse: [(data: unknown) => data],
    });
    const { status, statusText } = response;
    const empty = [101, 204, 205, 304].includes(status);
    const answer = new Response(empty ? null : bodyOf(response.data), {
      status,
      statusText,
      headers: headersOf(response),
    });
    Object.defineProperty(answer, "url", { value: request.url });
    return answer;
  };
}

function headersOf({ headers }: AxiosResponse<unknown>): Headers {
  const found = new Headers();
  for (const [name, value] of Object.entries(headers) as [string, unknown][]) {
    // What axios has unpacked is not packed any more.
    if (/^(?:content-encoding|content-length|transfer-encoding)$/i.test(name)) continue;
    for (const each of Array.isArray(value) ? (value as unknown[]) : [value]) {
      if (each !== undefined && each !== null) found.append(name, String(each as string));
    }
  }
  return found;
}

function bodyOf(data: unknown): BodyInit | null {
  if (data instanceof ArrayBuffer || data instanceof ReadableStream || typeof data === "string") {
    return data as BodyInit;
  }
  return isChunks(data) ? streamOf(data) : null;
}

/** A stream of Node, as far as it is needed here. */
interface Chunks extends AsyncIterable<Uint8Array> {
  destroy?(): void;
}

function isChunks(data: unknown): data is Chunks {
  return typeof data === "object" && data !== null && Symbol.asyncIterator in data;
}

/** A stream of Node as one of the platform. Leaving it ends the connection. */
function streamOf(data: Chunks): ReadableStream<Uint8Array> {
  const chunks = data[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await chunks.next();
      if (done === true) controller.close();
      else controller.enqueue(new Uint8Array(value));
    },
    cancel() {
      // The iterator would wait for the chunk that is being waited for.
      data.destroy?.();
    },
  });
}
