/** A `WeakMap` keeps what was made for as long as what it was made of; a `RecentMap` while it is asked for. */
interface Memory<K, V> {
  get(key: K): V | undefined;
  set(key: K, made: V): unknown;
}

/**
 * Makes something of a key the first time that it is asked for, and remembers it.
 *
 * @param make must give the same whenever it is called: what is in the key does not change
 */
export function madeOnce<K, V extends NonNullable<unknown>>(memory: Memory<K, V>, make: (key: K) => V): (key: K) => V {
  return (key) => {
    let made = memory.get(key);
    if (made === undefined) {
      made = make(key);
      memory.set(key, made);
    }
    return made;
  };
}
