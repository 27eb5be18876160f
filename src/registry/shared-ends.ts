import { RecentMap } from './recent-map.ts';
import type { Registration } from './records.ts';

type End = Pick<Registration, 'metadata' | 'ttl'>;

/** Where an end begins. In no string: its quotes would be escaped there. */
const begin = ',"metadata":';

/**
 * What the newest registrations ended with, by its text: from their metadata on.
 *
 * Instances of one service differ in ids and addresses, and hardly ever in what stands behind: description, dependencies,
 * tags, lease times. Those who say the same share the objects, which nobody changes. In a large fleet that is half of all
 * the objects that a collection of garbage has to visit. And what is known is not read again.
 */
export class SharedEnds {
  readonly #known: RecentMap<string, End>;

  /** @param maxCount distinct ends that are remembered */
  constructor(maxCount: number) {
    this.#known = new RecentMap(maxCount);
  }

  /**
   * The same as `JSON.parse`, but for what is shared.
   * @throws SyntaxError
   */
  read(json: string): Registration {
    const at = json.indexOf(begin);
    const end = at < 0 ? null : this.#end(json.slice(at));
    if (end === null) return JSON.parse(json) as Registration;
    // An end that can be read by itself closes one brace more than it opens, and so does every text that ends with it.
    return Object.assign(JSON.parse(`${json.slice(0, at)}}`) as Registration, end);
  }

  #end(text: string): End | null {
    const known = this.#known.get(text);
    if (known) return known;
    const end = endIn(text);
    if (end) this.#known.set(text, end);
    return end;
  }
}

/** `null` where the text began within another field, or has more in it than an end. */
function endIn(text: string): End | null {
  try {
    const { metadata, ttl, ...others } = JSON.parse(`{${text.slice(1)}`) as Partial<Registration>;
    return metadata && ttl && Object.keys(others).length === 0 ? { metadata, ttl } : null;
  } catch {
    return null;
  }
}
