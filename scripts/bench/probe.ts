import { Client, credentials } from '@grpc/grpc-js';
import type { GrpcRequest } from './load/load.ts';
import { fillText } from './load/template.ts';

const timeoutMs = 10_000;

/**
 * Asks once with a whole gRPC client, which looks at the status, so that a generator can tell right answers by their size.
 * @param tolerance bytes by which right answers may be shorter and longer than this one: revisions grow
 * @throws Error when the call fails
 */
export async function probed(
  target: string,
  request: Omit<GrpcRequest, 'answerBytes'>,
  tolerance: { readonly less: number; readonly more: number },
  number = 0,
): Promise<GrpcRequest> {
  const message = Buffer.from(request.messages[0] ?? '', 'base64');
  const isTemplate = request.messages.length === 1;
  const bytes = isTemplate ? Buffer.from(fillText(message.toString('latin1'), number), 'latin1') : message;
  const client = new Client(target, credentials.createInsecure());
  try {
    const answer = await ask(client, request, bytes);
    return { ...request, answerBytes: { least: answer.length - tolerance.less, most: answer.length + tolerance.more } };
  } catch (error) {
    throw new Error(`${request.path} cannot be measured, because it fails: ${(error as Error).message}`);
  } finally {
    client.close();
  }
}

const same = (bytes: Buffer) => bytes;

function ask(client: Client, { path, call }: Omit<GrpcRequest, 'answerBytes'>, message: Buffer): Promise<Buffer> {
  const options = { deadline: Date.now() + timeoutMs };
  return new Promise((resolve, reject) => {
    if (call === 'unary') {
      client.makeUnaryRequest(path, same, same, message, options, (error, answer) =>
        error ? reject(error) : resolve(answer ?? Buffer.alloc(0)),
      );
      return;
    }
    const stream = client.makeBidiStreamRequest(path, same, same, options);
    stream.once('data', (answer: Buffer) => {
      resolve(answer);
      stream.end();
    });
    stream.on('error', reject);
    stream.write(message);
  });
}
