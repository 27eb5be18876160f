/** Looks again and again until `look` gives something, forgiving errors on the way. */
export async function waitFor<T>(
  look: () => Promise<T | undefined> | T | undefined,
  options: { readonly timeoutMs: number; readonly what: string; readonly everyMs?: number },
): Promise<T> {
  const untilMs = performance.now() + options.timeoutMs;
  let lastError: unknown;
  while (performance.now() < untilMs) {
    try {
      const found = await look();
      if (found !== undefined) return found;
      lastError = undefined;
    } catch (error) {
      if (error instanceof Error && error.name === 'AssertionFailure') throw error;
      lastError = error;
    }
    await new Promise((resolve) => setTimeout(resolve, options.everyMs ?? 25));
  }
  const cause = lastError instanceof Error ? `: ${lastError.message}` : '';
  throw new Error(`Waited ${options.timeoutMs} ms in vain for ${options.what}${cause}`);
}
