import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server, ServerCredentials } from '@grpc/grpc-js';

/** What this machine's Node can do when there is nothing to do: an HTTP call and a gRPC call with empty answers. */
const http = createServer((_request, response) => {
  response.writeHead(204).end();
});

const same = (bytes: Buffer) => bytes;
const grpc = new Server();
grpc.addService(
  {
    call: {
      path: '/bench.Empty/Call',
      requestStream: false,
      responseStream: false,
      requestSerialize: same,
      requestDeserialize: same,
      responseSerialize: same,
      responseDeserialize: same,
    },
  },
  { call: (_call: unknown, answer: (error: null, response: Buffer) => void) => answer(null, Buffer.alloc(0)) },
);

http.listen(0, '127.0.0.1', () => {
  const httpPort = (http.address() as AddressInfo).port;
  grpc.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, grpcPort) => {
    if (error) throw error;
    process.send?.({ httpPort, grpcPort });
  });
});
process.on('disconnect', () => process.exit());
