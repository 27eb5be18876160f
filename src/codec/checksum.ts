import { crc32c } from '@node-rs/crc32';

/** CRC32C (RFC 3720, appendix B.4) of `data`, continuing `previous`, as an unsigned 32-bit integer. */
export function checksum(data: Uint8Array, previous = 0): number {
  return crc32c(data, previous);
}
