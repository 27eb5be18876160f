/** Schemes under which gRPC names a target (its naming document), beside a bare `host:port`. */
const grpcSchemes: ReadonlySet<string> = new Set([
  'grpc:',
  'grpcs:',
  'http:',
  'https:',
  'dns:',
  'ipv4:',
  'ipv6:',
  'unix:',
  'tcp:',
]);

const hostAndPort = /^(\[[0-9a-fA-F:.]+\]|[a-zA-Z0-9._-]+):(\d{1,5})$/;

/** What is wrong with an interface's address; `null` when nothing is. Only REST and gRPC have a form to check. */
export function checkInterface(type: string, address: string): string | null {
  if (type === 'REST') return checkRest(address);
  if (type === 'gRPC') return checkGrpc(address);
  return null;
}

function checkRest(address: string): string | null {
  const url = parse(address);
  const isHttp = url?.protocol === 'http:' || url?.protocol === 'https:';
  return isHttp && /^https?:\/\/[^/]/i.test(address)
    ? null
    : 'must be an http or https URL such as "http://10.0.0.1:9000"';
}

function checkGrpc(address: string): string | null {
  const problem =
    'must be host:port such as "10.0.0.1:9001", or a URI such as "grpc://10.0.0.1:9001" or "dns:///host:9001"';
  const port = hostAndPort.exec(address)?.[2];
  if (port !== undefined) return Number(port) >= 1 && Number(port) <= 65_535 ? null : problem;
  const url = parse(address);
  if (!url || !grpcSchemes.has(url.protocol)) return problem;
  return url.host !== '' || url.pathname.length > 1 ? null : problem;
}

function parse(address: string): URL | null {
  return /\s/.test(address) ? null : parseOrNull(address);
}

function parseOrNull(address: string): URL | null {
  try {
    return new URL(address);
  } catch {
    return null;
  }
}
