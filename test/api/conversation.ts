import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { waitFor } from '../process/wait-for.ts';

/** A connection on which a test says what it wants, when it wants, and sees what comes back. */
export class Conversation {
  readonly #socket: Socket;
  #heard = '';
  #isOver = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => {
      this.#heard += text;
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#isOver = true;
    });
  }

  static async with(url: string): Promise<Conversation> {
    const { hostname, port } = new URL(url);
    const socket = connect({ host: hostname, port: Number(port) });
    await once(socket, 'connect');
    return new Conversation(socket);
  }

  say(text: string): void {
    this.#socket.write(text);
  }

  /** The status of every answer so far. */
  get statuses(): number[] {
    return [...this.#heard.matchAll(/HTTP\/1\.1 (\d{3}) [A-Z]/g)].map(([, status]) => Number(status));
  }

  get heard(): string {
    return this.#heard;
  }

  async untilAnswers(count: number): Promise<void> {
    await waitFor(() => (this.statuses.length >= count ? true : undefined), {
      timeoutMs: 5_000,
      what: `${count} answers`,
    });
  }

  async untilOver(): Promise<void> {
    await waitFor(() => (this.#isOver ? true : undefined), { timeoutMs: 5_000, what: 'the end of the connection' });
  }

  hangUp(): void {
    this.#socket.destroy();
  }
}
