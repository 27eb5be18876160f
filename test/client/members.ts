import { afterEach } from 'vitest';
import { type ClientCallOptions, type GrpcClientOptions, ManifestGrpcClient } from '../../src/client/index.ts';
import type { CallOptions } from '../../src/registry/service.ts';
import { type FaceSettings, type GrpcFaceUnderTest, startGrpc } from '../api/faces.ts';
import { FakeRegistry } from '../api/fake-registry.ts';
import { PausableProxy } from '../transport/tcp.ts';

export const noTime: ClientCallOptions = { timeoutMs: 300 };

/** Undone after each test, in reverse order. */
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

/** A member with a registry in memory behind its real gRPC server, and a network that can lose it. */
export interface TestMember {
  readonly fake: FakeRegistry;
  readonly address: string;
  /** What the calls that reached it were told beside their input. */
  calls(): CallOptions[];
  /** Lets calls wait inside the registry until the returned function is called. */
  hold(): () => void;
  /** Breaks its connections and takes no more. */
  die(): Promise<void>;
  /** Moves no byte any more and closes nothing, as a process that was stopped. */
  pause(): void;
  resume(): void;
  /** How many calls of a method have ended. */
  ended(method: string): Promise<number>;
}

export async function member(fake = new FakeRegistry(), settings: FaceSettings = {}): Promise<TestMember> {
  const face: GrpcFaceUnderTest = await startGrpc(settings, fake);
  const proxy = new PausableProxy(Number(face.address.split(':')[1]));
  const address = `127.0.0.1:${await proxy.listen()}`;
  let isDead = false;
  const die = async () => {
    if (isDead) return;
    isDead = true;
    await proxy.close();
  };
  cleanups.push(async () => {
    await die();
    await face.close(0);
  });
  return {
    fake,
    address,
    // The server's own looks at its health bring no request id.
    calls: () => fake.seen.filter(({ requestId }) => requestId !== undefined),
    hold() {
      const letGo = fake.hold();
      cleanups.push(letGo);
      return letGo;
    },
    die,
    pause: () => proxy.pause(),
    resume: () => proxy.resume(),
    async ended(method) {
      const counts = (await face.metrics.render()).matchAll(/\{method="(\w+)",code="\d+"\} (\d+)/g);
      return [...counts].reduce((sum, [, name, count]) => (name === method ? sum + Number(count) : sum), 0);
    },
  };
}

export function clientOf(
  members: readonly Pick<TestMember, 'address'>[],
  options: Partial<GrpcClientOptions> = {},
): ManifestGrpcClient {
  const endpoints = members.map(({ address }) => address);
  const client = new ManifestGrpcClient({ endpoints, timeoutMs: 10_000, ...options });
  cleanups.push(() => client.close());
  return client;
}

/** How a call failed. */
export async function failureOf(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    (answer) => {
      throw new Error(`It did not fail: ${JSON.stringify(answer)}`);
    },
    (error: unknown) => error,
  );
}
