import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { madeOnce } from '../../registry/made-once.ts';

interface Connection {
  readonly open: Set<ServerResponse>;
  /** The request that was answered last. */
  answered: IncomingMessage | null;
}

/** Knows which answers are still to be sent on a connection: a client may send its next request before it has the last answer. */
export class OpenAnswers {
  readonly #connectionOf = madeOnce(
    new WeakMap<Socket, Connection>(),
    (_socket: Socket): Connection => ({ open: new Set(), answered: null }),
  );

  watch(server: Server): void {
    server.on('request', (request, response) => {
      const connection = this.#connectionOf(request.socket);
      connection.open.add(response);
      response.on('close', () => {
        connection.open.delete(response);
        connection.answered = request;
      });
    });
  }

  /**
   * Waits until every request that arrived whole is answered.
   * @param ready told whether the connection takes another answer then: a request that never arrived whole may have had its own
   */
  whenWhole(socket: Socket, ready: (isFree: boolean) => void): void {
    const { open: answers, answered } = this.#connectionOf(socket);
    const open = [...answers];
    const waitedFor = open.find(({ req }) => req.complete);
    if (waitedFor) {
      waitedFor.once('close', () => this.whenWhole(socket, ready));
      return;
    }
    const wasAnswered = open.some(({ headersSent }) => headersSent) || answered?.complete === false;
    ready(!wasAnswered);
  }
}
