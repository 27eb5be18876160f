/** What is asked, of whom and how hard. The same for every generator. */
export interface LoadPlan {
  /** `host:port`, each asked by an equal share. */
  readonly targets: readonly string[];
  readonly request: Request;
  /** Requests that wait for an answer at any moment, of all targets together. */
  readonly inFlight: number;
  readonly durationMs: number;
  /** End after this many requests; with `durationMs` as a limit. Own generator only. */
  readonly requests?: number;
  /** Requests differ by a number, which goes from `first` through `count` values and round again. */
  readonly numbers: { readonly first: number; readonly count: number };
}

/** `#`s in texts and messages stand for the digits of the request's number. */
export type Request = RestRequest | GrpcRequest;

export interface RestRequest {
  readonly kind: 'rest';
  readonly method: 'GET' | 'PUT' | 'POST';
  readonly path: string;
  readonly body: string | null;
}

export interface GrpcRequest {
  readonly kind: 'grpc';
  /** Such as `/etcdserverpb.KV/Put`. */
  readonly path: string;
  /** Encoded, in base64: one template, or messages that are taken in turn. */
  readonly messages: readonly string[];
  /** Stream: messages and answers in turn over streams that stay open. */
  readonly call: 'unary' | 'stream';
  /** Size of a right answer's message; any other counts as failed. */
  readonly answerBytes: { readonly least: number; readonly most: number };
}

export interface LoadResult {
  readonly generator: string;
  /** Answered, and rightly. */
  readonly operations: number;
  readonly failures: number;
  /** What went wrong first. */
  readonly firstFailure: string | null;
  readonly seconds: number;
  readonly latencyMs: Latency;
  readonly generatorCpuSeconds: number;
}

export interface Latency {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly worst: number;
}
