import { Client, type ClientOptions, credentials } from '@grpc/grpc-js';
import { RegistryError } from '../registry/errors.ts';

/** A page of the longest records is about 12 MB. */
const maxAnswerBytes = 32 * 1024 * 1024;

const channelOptions: ClientOptions = {
  'grpc.max_receive_message_length': maxAnswerBytes,
  // A member that was started again is to be found soon; the library's own waits grow to two minutes.
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 2_000,
  // A machine that went away without a word is noticed within these.
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 5_000,
  // Calls move on to another member by this client's own rules, which know what is safe to repeat.
  'grpc.enable_retries': 0,
};

/** The members that a client may ask, one long-lived connection each. */
export class Endpoints {
  readonly #connections: readonly { readonly address: string; readonly client: Client }[];
  /** Where the next call begins: the member that answered last. */
  #current = 0;

  /** @param addresses `host:port` each. @throws RegistryError `invalid_parameter` */
  constructor(addresses: readonly string[]) {
    if (addresses.length === 0) {
      throw new RegistryError(
        'invalid_parameter',
        'endpoints must name at least one member, such as "127.0.0.1:8502".',
        {
          field: 'endpoints',
        },
      );
    }
    for (const address of addresses) checkAddress(address);
    this.#connections = addresses.map((address) => ({
      address,
      client: new Client(address, credentials.createInsecure(), channelOptions),
    }));
  }

  get count(): number {
    return this.#connections.length;
  }

  current(): { readonly address: string; readonly client: Client } {
    const connection = this.#connections[this.#current];
    if (!connection) throw new RangeError('The current endpoint does not exist.');
    return connection;
  }

  /** Goes on to the next member, unless another call did so already. */
  leave(address: string): void {
    if (this.current().address === address) this.#current = (this.#current + 1) % this.#connections.length;
  }

  close(): void {
    for (const { client } of this.#connections) client.close();
  }
}

function checkAddress(address: string): void {
  const port = Number(/^(?:\[[0-9a-fA-F:.]+\]|[\w.-]+):(\d{1,5})$/.exec(address)?.[1] ?? 0);
  if (port >= 1 && port <= 65_535) return;
  throw new RegistryError('invalid_parameter', `endpoints must be like "127.0.0.1:8502"; "${address}" is not.`, {
    field: 'endpoints',
    value: address,
  });
}
