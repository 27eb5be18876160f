/** Hidden flag, set by `dev`: the member ends when the process that started it does, however that one ended. */
export const exitWithParentFlag = '--exit-with-parent';

/**
 * Resolves when the parent process is gone. The channel to it carries nothing: it is there to break, even when the parent
 * gets SIGKILL.
 */
export function parentEnded(): Promise<string> {
  return new Promise((resolve) => {
    const end = () => resolve('the end of the parent process');
    if (process.connected) process.once('disconnect', end);
    else end();
  });
}
