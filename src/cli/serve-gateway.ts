import type { Logger } from 'pino';
import { PrometheusMetrics } from '../api/metrics.ts';
import { createRestGateway } from '../api/rest/gateway.ts';
import { ManifestGrpcClient } from '../client/grpc-client.ts';

export interface GatewayOptions {
  /** gRPC addresses of the members. */
  readonly endpoints: readonly string[];
  readonly host: string;
  readonly port: number;
  readonly logLevel: string;
}

export interface RunningGateway {
  /** Answers what is under way, then closes. */
  stop(): Promise<void>;
}

/** REST in front of a cluster: the gateway of a member, over the gRPC client. @throws when the port cannot be listened on */
export async function serveGateway(
  { endpoints, host, port }: Omit<GatewayOptions, 'logLevel'>,
  logger: Logger,
): Promise<RunningGateway> {
  const client = new ManifestGrpcClient({ endpoints });
  const metrics = new PrometheusMetrics();
  metrics.watchServices(client);
  const rest = createRestGateway({
    registry: client,
    cluster: client,
    // The members know the token, and check it.
    authToken: null,
    passTokenOn: true,
    logger,
    metrics,
  });
  try {
    await rest.listen({ host, port });
  } catch (error) {
    client.close();
    throw error;
  }
  return {
    async stop() {
      await rest.close();
      client.close();
    },
  };
}
