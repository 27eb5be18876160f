/** What the faces report of the requests that they answer, and show. */
export interface ApiMetrics {
  /** @param endpoint the route's pattern, never the path: paths are without number */
  httpAnswered(endpoint: string, method: string, status: number, durationSeconds: number): void;
  /** @param code the gRPC status */
  grpcAnswered(method: string, code: number): void;
  heartbeatAnswered(succeeded: number, failed: number): void;
  readonly contentType: string;
  /** All metrics as text, in the format of `contentType`. */
  render(): Promise<string>;
}
