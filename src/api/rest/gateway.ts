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
import { describeApi } from './contract/openapi.ts';
import { dependencyRoutes } from './dependencies.ts';
import { descriptionRoutes } from './description-routes.ts';
import { discoveryRoutes } from './discovery.ts';
import { answerBrokenRequest, answerConnect, sendError } from './error-answers.ts';
import { parseJsonBody } from './json-body.ts';
import { OpenAnswers } from './open-answers.ts';
import { operationRoutes } from './operations.ts';
import { readRoutes } from './reads.ts';
import { refuseEncodings, refuseOddHeaders } from './requests.ts';
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
  const routes: Route[] = [
    ...writeRoutes(options, limits),
    ...readRoutes(options, closing.signal),
    ...dependencyRoutes(options),
    watchRoute(options, closing.signal),
    ...operationRoutes(options),
    ...discoveryRoutes(options),
    ...descriptionRoutes(() => describeApi(routes)),
  ];
  const app = createServer(options, limits);
  // What is held or streamed would keep the server from closing.
  app.addHook('preClose', async () => closing.abort());
  observeRequests(app, options);
  app.addHook('onRequest', ({ raw }, _reply, done) => {
    refuseOddHeaders(raw);
    done();
  });
  refuseUnmatched(app, new MethodTable(routes));
  app.setErrorHandler(sendError);
  const gate = new AdmissionGate(limits.requestsInFlight);
  for (const route of routes) serve(app, route, gate);
  return app;
}

function noCompiler(): never {
  throw new Error('A route has a schema, and nothing that compiles it.');
}

function createServer({ logger }: FaceOptions, limits: FaceLimits): FastifyInstance {
  const answers = new OpenAnswers();
  const app = fastify({
    loggerInstance: logger as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    // What is logged names its request by itself; a logger for each request would be the dearest part of many.
    childLoggerFactory: (parent) => parent,
    // No route has a schema of fastify's: requests are validated by zod. Its own compilers would be loaded all the same.
    schemaController: { compilersFactory: { buildValidator: noCompiler, buildSerializer: noCompiler } },
    requestIdHeader: false,
    genReqId: (request) => requestIdFrom(request.headers[requestIdHeader]),
    bodyLimit: limits.bodyBytes,
    requestTimeout: limits.receiveTimeoutMs,
    // Node looks for requests that are late every 30 s unless told otherwise.
    http: {
      connectionsCheckingInterval: Math.min(limits.receiveTimeoutMs, maxCheckIntervalMs),
      // Node would refuse a request without one by itself, and say nothing.
      requireHostHeader: false,
    },
    keepAliveTimeout: keepAliveMs,
    forceCloseConnections: 'idle',
    // What arrives on a kept connection while the gateway closes is still answered, and the connection closed then.
    return503OnClosing: false,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: maxPathParameterCharacters },
    clientErrorHandler: (error, socket) => answerBrokenRequest(error, socket, logger, answers),
    frameworkErrors: (error, request, reply) => {
      sendError(error, request, reply);
    },
  });
  const { server } = app;
  server.maxConnections = limits.connections;
  // Where its limit for the headers is above that for the whole, Node swaps the two.
  server.headersTimeout = limits.receiveTimeoutMs;
  answers.watch(server);
  server.on('connect', (_request, socket) => answerConnect(socket));
  // Node would refuse what it does not know with an empty answer; so it is refused as any other header is.
  server.on('checkExpectation', (request, response) => server.emit('request', request, response));
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    /^application\/([\w.-]+\+)?json\s*(;|$)/i,
    { parseAs: 'buffer' },
    async (request: FastifyRequest, body: string | Buffer) => {
      refuseEncodings(request.raw);
      return parseJsonBody(body as Buffer);
    },
  );
  return app;
}

/**
 * Each request gets its id. When its answer is out or its client gone, it is counted and logged, and gives back the place
 * that it took, once the work for it is done.
 */
function observeRequests(app: FastifyInstance, { metrics, logger }: FaceOptions): void {
  // Declared, so that all requests have one shape.
  app.decorateRequest('exchange');
  app.addHook('onRequest', (request, reply, done) => {
    reply.header(requestIdHeader, request.id);
    const exchange: Exchange = { leave: null, work: null };
    request.exchange = exchange;
    const startedMs = performance.now();
    reply.raw.on('close', () => {
      const { leave, work } = exchange;
      if (leave && work) work.then(leave, leave);
      else leave?.();
      const durationMs = performance.now() - startedMs;
      const status = reply.raw.writableFinished ? reply.statusCode : clientWentAway;
      const endpoint = request.routeOptions.url ?? 'unmatched';
      metrics?.httpAnswered(endpoint, request.method, status, durationMs / 1_000);
      if (!logger.isLevelEnabled('debug')) return;
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
  const refuse = (request: FastifyRequest, reply: FastifyReply): never => {
    const [path = ''] = request.url.split('?', 1);
    const allowed = methods.allowed(path);
    if (allowed.length === 0) {
      throw new RegistryError(
        'not_found',
        'There is nothing under this path. GET /docs shows those there are, and GET /v1/openapi.json lists them.',
        {
          field: 'path',
          value: path.slice(0, 100),
        },
      );
    }
    reply.header('allow', allowed.join(', '));
    throw new RegistryError('method_not_allowed', `This path takes ${allowed.join(', ')}.`, {
      field: 'method',
      value: request.method,
    });
  };
  app.addHook('onRequest', (request, reply, done) => {
    if (request.is404) refuse(request, reply);
    done();
  });
  app.setNotFoundHandler(refuse);
}

/** What the gateway keeps of a request until it is over. */
interface Exchange {
  /** Gives back the place that it took. */
  leave: (() => void) | null;
  /** What is being done for it: a client that goes away does not end it. */
  work: Promise<unknown> | null;
}

declare module 'fastify' {
  interface FastifyRequest {
    exchange: Exchange;
  }
}

function serve(app: FastifyInstance, route: Route, gate: AdmissionGate): void {
  const { operation, admission, bodyBytes } = route;
  const isHeld = (request: FastifyRequest) => route.isHeld?.(request) === true;
  for (const url of pathsOf(route)) {
    app.route({
      method: operation.method,
      url,
      ...(bodyBytes === undefined ? {} : { bodyLimit: bodyBytes }),
      ...(admission === null ? {} : { onRequest: admit(gate, admission, isHeld) }),
      handler: (request, reply) => {
        const work = route.handle(request, reply);
        request.exchange.work = work;
        return work;
      },
    });
  }
}

/** Takes a place for a request. */
function admit(gate: AdmissionGate, kind: RequestKind, isHeld: (request: FastifyRequest) => boolean) {
  return (request: FastifyRequest, _reply: FastifyReply, done: () => void): void => {
    if (!isHeld(request)) request.exchange.leave = gate.enter(kind);
    done();
  };
}
