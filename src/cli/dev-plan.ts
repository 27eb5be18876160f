import { join } from 'node:path';

export interface PlannedMember {
  readonly id: string;
  readonly restPort: number;
  readonly grpcPort: number;
  readonly peerPort: number;
  readonly logFile: string;
  /** Arguments of `chora-manifest`. */
  readonly serveArguments: readonly string[];
}

/** Members `count` strong on loopback: REST on `basePort` and every ten above, gRPC two and peers three above each. */
export function planCluster(count: number, basePort: number, dataDirectory: string): PlannedMember[] {
  const ports = Array.from({ length: count }, (_, i) => basePort + 10 * i);
  const peers = ports.map((port, i) => `node-${i + 1}=127.0.0.1:${port + 3}`).join(',');
  return ports.map((restPort, i) => {
    const id = `node-${i + 1}`;
    const [grpcPort, peerPort] = [restPort + 2, restPort + 3];
    return {
      id,
      restPort,
      grpcPort,
      peerPort,
      logFile: join(dataDirectory, `${id}.log`),
      serveArguments: [
        ...['serve', '--node-id', id, '--cluster-id', 'dev', '--peers', peers],
        ...['--data-dir', join(dataDirectory, id)],
        ...['--rest-port', String(restPort), '--grpc-port', String(grpcPort), '--peer-port', String(peerPort)],
        ...['--rest-address', `http://localhost:${restPort}`, '--grpc-address', `localhost:${grpcPort}`],
      ],
    };
  });
}
