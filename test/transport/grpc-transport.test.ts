import { describeTransport } from './conformance.ts';
import { grpcWorld, quickTimings } from './grpc-world.ts';

describeTransport('a transport over gRPC', () => grpcWorld(quickTimings));
