import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Knows which answers are still to be sent on a connection: a client may send its next request before it has the last answer. */
export class OpenAnswers {
  readonly #open = new WeakMap<Socket, Set<ServerResponse>>();
  /** The request of each connection that was answered last. */
  readonly #answered = new WeakMap<Socket, IncomingMessage>();

  watch(server: Server): void {
    server.on('request', (request, response) => {
      const { socket } = request;
      const open = this.#open.get(socket) ?? new Set();
      this.#open.set(socket, open.add(response));
      response.on('close', () => {
        open.delete(response);
        this.#answered.set(socket, request);
      });
    });
  }

  /**
   * Waits until every request that arrived whole is answered.
   * @param ready told whether the connection takes another answer then: a request that never arrived whole may have had its own
   */
  whenWhole(socket: Socket, ready: (isFree: boolean) => void): void {
    const open = [...(this.#open.get(socket) ?? [])];
    const waitedFor = open.find(({ req }) => req.complete);
    if (waitedFor) {
      waitedFor.once('close', () => this.whenWhole(socket, ready));
      return;
    }
    const wasAnswered = open.some(({ headersSent }) => headersSent) || this.#answered.get(socket)?.complete === false;
    ready(!wasAnswered);
  }
}
