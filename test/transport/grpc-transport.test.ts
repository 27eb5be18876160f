import { describeTransport } from './conformance.ts';
import { grpcWorld } from './grpc-world.ts';

describeTransport('a transport over gRPC', grpcWorld);
