import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface SeenRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingHttpHeaders;
  readonly body: unknown;
}

export interface PreparedAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON; text as it is. */
  readonly body?: unknown;
  /** Close the connection instead of answering. */
  readonly hangUp?: boolean;
  /** Never answer. */
  readonly hold?: boolean;
  /** What happens after the body, instead of a proper end. */
  readonly then?: 'stay' | 'hang up';
}

/**
 * A member of a registry as a client sees it, on a real socket, saying what the test wants it to say: also what no member
 * says, which a registry in memory behind the real gateway (test/api/fake-registry.ts) could not.
 */
export class ScriptedMember {
  readonly requests: SeenRequest[] = [];
  readonly #server: Server;
  readonly #answer: (request: SeenRequest) => PreparedAnswer;

  private constructor(answer: (request: SeenRequest) => PreparedAnswer) {
    this.#answer = answer;
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        const seen: SeenRequest = {
          method: request.method ?? '',
          url: new URL(request.url ?? '/', 'http://fake'),
          headers: request.headers,
          body: text === '' ? null : JSON.parse(text),
        };
        this.requests.push(seen);
        const { status = 200, headers = {}, body, hangUp, hold, then } = this.#answer(seen);
        if (hold) return;
        if (hangUp) {
          request.socket.destroy();
          return;
        }
        response.writeHead(status, headers);
        const said = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body);
        if (then === undefined) response.end(said);
        else response.write(said, () => then === 'hang up' && request.socket.destroy());
      });
    });
  }

  static async start(answer: (request: SeenRequest) => PreparedAnswer): Promise<ScriptedMember> {
    const fake = new ScriptedMember(answer);
    await new Promise<void>((resolve, reject) => {
      fake.#server.once('error', reject);
      fake.#server.listen(0, '127.0.0.1', resolve);
    });
    return fake;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get last(): SeenRequest {
    const request = this.requests.at(-1);
    if (!request) throw new Error('There was no request.');
    return request;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** A record as a registry shows it. */
export function recordOf(name: string, id: string, more: Readonly<Record<string, unknown>> = {}) {
  return {
    name,
    id,
    version: '1.0.0',
    interfaces: { REST: `http://10.0.0.1:9000/${id}` },
    metadata: { tags: ['core', 'demo'] },
    ttl: { heartbeat_interval: 10, unhealthy_after: 30, remove_after: 60 },
    status: 'up',
    registered_at: '2026-01-01T00:00:00.000Z',
    last_heartbeat: '2026-01-01T00:00:00.000Z',
    revision: 7,
    lease_id: 3,
    ...more,
  };
}

/** A member's view of a cluster of three that node-1 leads. */
export function statusOf(leader: string | null = 'node-1', more: Readonly<Record<string, unknown>> = {}) {
  const member = (id: string) => ({
    id,
    role: id === leader ? 'leader' : 'follower',
    reachable: id !== 'node-3',
    voter: true,
    term: 4,
    commit_index: 120,
    applied_index: 118,
    lag: id === 'node-3' ? null : 2,
    version: '0.1.0',
    uptime_seconds: 3725,
    rest_address: `http://${id}:8500`,
    grpc_address: `${id}:8502`,
  });
  return {
    cluster_id: 'manifest',
    node: 'node-1',
    leader,
    term: 4,
    members: ['node-1', 'node-2', 'node-3'].map(member),
    state: { applied_index: 118, revision: 40, hash: null },
    ...more,
  };
}
