/** Connections of all targets together; with more in flight, several share one, as calls of one client program do. */
const mostConnections = 24;

/** gRPC connections for one target of `targets`, with `inFlight` requests of its own. */
export function connectionsFor(inFlight: number, targets: number): number {
  return Math.max(1, Math.min(inFlight, Math.floor(mostConnections / targets)));
}
