/** Reads HTTP/1.1 responses off a socket just far enough to know the status and where each one ends. */

const headEnd = Buffer.from("\r\n\r\n");
const contentLength = /\r\ncontent-length: *(\d+)/i;

/** For one connection with one request under way at a time. Understands Content-Length, not chunked bodies. */
export class ResponseReader {
  /** Status of the response read last. */
  status = 0;
  /** Body bytes still to come; -1 while the head is not complete. */
  #missing = -1;
  /** The beginning of a head that came in pieces. */
  #begun: Buffer | undefined;

  /** Takes the first `length` bytes of `chunk`; true when the response is complete. Throws on what it cannot follow. */
  take(chunk: Buffer, length: number): boolean {
    if (this.#missing < 0) return this.#takeHead(chunk, length);
    this.#missing -= length;
    return this.#finished();
  }

  #takeHead(chunk: Buffer, length: number): boolean {
    let bytes = chunk;
    let size = length;
    if (this.#begun !== undefined) {
      bytes = Buffer.concat([this.#begun, chunk.subarray(0, length)]);
      size = bytes.length;
      this.#begun = undefined;
    }
    const end = bytes.indexOf(headEnd);
    if (end < 0 || end >= size) {
      this.#begun = Buffer.from(bytes.subarray(0, size)); // a copy: the chunk's memory is used again
      return false;
    }
    const head = bytes.toString("latin1", 0, end);
    this.status = Number(head.slice(9, 12));
    this.#missing = bodyLength(head, this.status) - (size - end - headEnd.length);
    return this.#finished();
  }

  #finished(): boolean {
    if (this.#missing > 0) return false;
    if (this.#missing < 0) throw new Error("the server sent more than its Content-Length says");
    this.#missing = -1;
    return true;
  }
}

function bodyLength(head: string, status: number): number {
  if (status === 304 || status === 204) return 0;
  const found = contentLength.exec(head);
  if (found === null) throw new Error(`a response without Content-Length: ${head.slice(0, 40)}`);
  return Number(found[1]);
}
