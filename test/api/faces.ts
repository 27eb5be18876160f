import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import type { FaceOptions } from '../../src/api/face.ts';
import { createGrpcServer } from '../../src/api/grpc/server.ts';
import { PrometheusMetrics } from '../../src/api/metrics.ts';
import { createRestGateway } from '../../src/api/rest/gateway.ts';
import { ManifestGrpcClient } from '../../src/client/grpc-client.ts';
import { FakeRegistry } from './fake-registry.ts';

export type FaceSettings = Partial<Pick<FaceOptions, 'authToken' | 'limits' | 'logger'>>;

/** One way to reach a registry over REST. */
export interface RestFace {
  readonly url: string;
  readonly fake: FakeRegistry;
  readonly metrics: PrometheusMetrics;
  close(): Promise<void>;
}

export interface GrpcFaceUnderTest {
  readonly address: string;
  readonly fake: FakeRegistry;
  readonly metrics: PrometheusMetrics;
  /** @param graceMs for what is under way; little when absent */
  close(graceMs?: number): Promise<void>;
}

const silent = pino({ level: 'silent' });

function optionsFor(fake: FakeRegistry, metrics: PrometheusMetrics, settings: FaceSettings): FaceOptions {
  metrics.watchServices(fake);
  return { registry: fake, cluster: fake, authToken: null, passTokenOn: false, logger: silent, metrics, ...settings };
}

export async function startGrpc(settings: FaceSettings = {}, fake = new FakeRegistry()): Promise<GrpcFaceUnderTest> {
  const metrics = new PrometheusMetrics();
  const grpc = createGrpcServer(optionsFor(fake, metrics, settings));
  const port = await grpc.listen('127.0.0.1:0');
  return { address: `127.0.0.1:${port}`, fake, metrics, close: (graceMs = 100) => grpc.close(graceMs) };
}

/** The gateway inside a member. */
export async function startInside(settings: FaceSettings = {}, fake = new FakeRegistry()): Promise<RestFace> {
  const metrics = new PrometheusMetrics();
  const rest = createRestGateway(optionsFor(fake, metrics, settings));
  await rest.listen({ host: '127.0.0.1', port: 0 });
  return { url: urlOf(rest.server.address()), fake, metrics, close: () => rest.close() };
}

/** The gateway alone in front of a member's gRPC: the member asks for the token, the gateway hands it on. */
export async function startInFront(settings: FaceSettings = {}, fake = new FakeRegistry()): Promise<RestFace> {
  const member = await startGrpc(settings, fake);
  const client = new ManifestGrpcClient({ endpoints: [member.address], timeoutMs: 5_000 });
  const metrics = new PrometheusMetrics();
  metrics.watchServices(client);
  const rest = createRestGateway({
    registry: client,
    cluster: client,
    logger: silent,
    metrics,
    ...settings,
    authToken: null,
    passTokenOn: true,
  });
  await rest.listen({ host: '127.0.0.1', port: 0 });
  return {
    url: urlOf(rest.server.address()),
    fake,
    metrics,
    async close() {
      await rest.close();
      client.close();
      await member.close();
    },
  };
}

function urlOf(address: string | AddressInfo | null): string {
  if (typeof address !== 'object' || address === null) throw new Error('The gateway does not listen on a port.');
  return `http://127.0.0.1:${address.port}`;
}
