/** `host:port`, with the brackets that an IPv6 address needs there (RFC 3986, section 3.2.2). */
export function addressOf(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Listens on every interface: an address to bind, and none that a client could be told. */
export function isEveryInterface(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\./.test(host);
}
