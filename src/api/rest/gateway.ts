import { setMaxListeners } from 'node:events';
import fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify';
import { RegistryError } from '../../registry/errors.ts';
import { AdmissionGate, type RequestKind } from '../admission.ts';
import { completeLimits, type FaceLimits, type FaceOptions } from '../face.ts';
import { requestIdFrom, requestIdHeader } from '../request-id.ts';
import { answerBrokenRequest, sendError } from './error-answers.ts';
import { parseJsonBody } from './json-body.ts';
import { operationRoutes } from './operations.ts';
import { readRoutes } from './reads.ts';
import { MethodTable, pathsOf, type Route } from './route.ts';
import { watchRoute } from './watch.ts';
import { writeRoutes } from './writes.ts';

/** Longer than clients and proxies keep a silent connection, so that the side that sends closes it. */
const keepAliveMs = 65_000;

const maxCheckIntervalMs = 5_000;

/** Every path segment that fits into the header limit reaches the validation, which says what is wrong with it. */
const maxPathParameterCharacters = 16 * 1024;

/** Nginx's status for a client that went away before its answer. */
const clientWentAway = 499;

/**
 * The registry's REST face, not listening yet: the caller calls `listen` and `close`. `close` ends what is under way
 * and refuses what is new.
 */
export function createRestGateway(options: FaceOptions): FastifyInstance {
  const limits = completeLimits(options.limits);
  const closing = new AbortController();
  // Every held request and every watch listens, however many there are.
  setMaxListeners(0, closing.signal);
  const routes = [
    ...writeRoutes(options, limits),
    ...readRoutes(options, closing.signal),
    watchRoute(options, closing.signal),
    ...operationRoutes(options),
  ];
  const app = createServer(options, limits);
  // What is held or streamed would keep the server from closing.
  app.addHook('preClose', async () => closing.abort());
  observeRequests(app, options);
  refuseUnmatched(app, new MethodTable(routes));
  app.setErrorHandler(sendError);
  const gate = new AdmissionGate(limits.requestsInFlight);
  for (const route of routes) serve(app, route, gate);
  return app;
}

function createServer({ logger }: FaceOptions, limits: FaceLimits): FastifyInstance {
  const app = fastify({
    loggerInstance: logger as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'requestId' }),
    requestIdHeader: false,
    genReqId: (request) => requestIdFrom(request.headers[requestIdHeader]),
    bodyLimit: limits.bodyBytes,
    requestTimeout: limits.receiveTimeoutMs,
    // Node looks for requests that are late every 30 s unless told otherwise.
    http: { connectionsCheckingInterval: Math.min(limits.receiveTimeoutMs, maxCheckIntervalMs) },
    keepAliveTimeout: keepAliveMs,
    forceCloseConnections: 'idle',
    // What arrives on a kept connection while the gateway closes is still answered, and the connection closed then.
    return503OnClosing: false,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: maxPathParameterCharacters },
    clientErrorHandler: (error, socket) => answerBrokenRequest(error, socket, logger),
    frameworkErrors: (error, request, reply) => {
      sendError(error, request, reply);
    },
  });
  app.server.maxConnections = limits.connections;
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    /^application\/([\w.-]+\+)?json\s*(;|$)/i,
    { parseAs: 'buffer' },
    async (_request: FastifyRequest, body: string | Buffer) => parseJsonBody(body as Buffer),
  );
  return app;
}

/** Each request gets its id, and is counted and logged when its answer is out or its client gone. */
function observeRequests(app: FastifyInstance, { metrics, logger }: FaceOptions): void {
  app.addHook('onRequest', (request, reply, done) => {
    reply.header(requestIdHeader, request.id);
    const startedMs = performance.now();
    reply.raw.once('close', () => {
      const durationMs = performance.now() - startedMs;
      const status = reply.raw.writableFinished ? reply.statusCode : clientWentAway;
      const endpoint = request.routeOptions.url ?? 'unmatched';
      metrics?.httpAnswered(endpoint, request.method, status, durationMs / 1_000);
      logger.debug(
        { requestId: request.id, method: request.method, endpoint, status, durationMs: Math.round(durationMs) },
        'answered',
      );
    });
    done();
  });
}

/** Before the body is read: whatever it is, the path or the method is the mistake to name. */
function refuseUnmatched(app: FastifyInstance, methods: MethodTable): void {
  const refuse = async (request: FastifyRequest, reply: FastifyReply) => {
    const [path = ''] = request.url.split('?', 1);
    const allowed = methods.allowed(path);
    if (allowed.length === 0) {
      throw new RegistryError('not_found', 'There is nothing under this path. The paths begin with /v1/services.', {
        field: 'path',
        value: path.slice(0, 100),
      });
    }
    reply.header('allow', allowed.join(', '));
    throw new RegistryError('method_not_allowed', `This path takes ${allowed.join(', ')}.`, {
      field: 'method',
      value: request.method,
    });
  };
  app.addHook('onRequest', async (request, reply) => {
    if (request.is404) await refuse(request, reply);
  });
  app.setNotFoundHandler(refuse);
}

function serve(app: FastifyInstance, route: Route, gate: AdmissionGate): void {
  const { method, admission, bodyBytes } = route;
  const isHeld = (request: FastifyRequest) => route.isHeld?.(request) === true;
  for (const url of pathsOf(route)) {
    app.route({
      method,
      url,
      ...(bodyBytes === undefined ? {} : { bodyLimit: bodyBytes }),
      ...(admission === null ? {} : { onRequest: admit(gate, admission, isHeld) }),
      handler: (request, reply) => route.handle(request, reply),
    });
  }
}

function admit(gate: AdmissionGate, kind: RequestKind, isHeld: (request: FastifyRequest) => boolean) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    if (isHeld(request)) return;
    const leave = gate.enter(kind);
    reply.raw.once('close', leave);
  };
}
