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
  /** Encoded, in base64: one template, or several messages as they are, which are taken in turn. */
  readonly messages: readonly string[];
  /** Stream: messages and answers in turn over streams that stay open. */
  readonly call: 'unary' | 'stream';
  /** Size of a right answer's message; any other counts as failed. */
  readonly answerBytes: { readonly least: number; readonly most: number };
}

/** Requests that come at their times, whether those before are answered or not, of several kinds at once. */
export interface PacedPlan {
  /** The load runs for this long before anything counts. */
  readonly warmUpMs: number;
  readonly durationMs: number;
  readonly flows: readonly PacedFlow[];
  readonly watches: WatchPlan | null;
}

export interface PacedFlow {
  readonly name: string;
  readonly targets: readonly string[];
  readonly request: GrpcRequest;
  readonly perSecond: number;
  /** Of all targets; calls or streams are spread over them. */
  readonly connections: number;
  /** Streams of all connections; unary calls need none. */
  readonly streams: number;
  readonly numbers: LoadPlan['numbers'];
}

export interface WatchPlan {
  readonly targets: readonly string[];
  readonly path: string;
  readonly call: 'stream' | 'watch';
  /** Of each watcher, in base64. */
  readonly messages: readonly string[];
  readonly connections: number;
}

export interface PacedResult {
  readonly flows: readonly {
    readonly name: string;
    readonly operations: number;
    readonly failures: number;
    /** From the time at which the request was due. */
    readonly latencyMs: Latency;
  }[];
  readonly watchMessages: number;
  /** Watches that ended although nobody ended them. */
  readonly watchesLost: number;
  /** How late the generator itself was to send. */
  readonly lateMs: Latency;
  readonly generatorCpuSeconds: number;
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
