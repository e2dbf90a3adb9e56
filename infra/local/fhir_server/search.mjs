/** What R4's search has and MemoryRepository has not: criteria on what refers to a resource, chains of any length. */
import { OperationOutcomeError, Operator, badRequest, evalFhirPath, getSearchParameters, parseSearchRequest, splitSearchOnComma } from '@medplum/core';

/** Kinds of parameters that MemoryRepository finds by. */
export const SEARCHABLE = new Set(['reference', 'string', 'uri', 'token', 'date']);

const NOBODY = 'nobody/0'; // no id has a slash

/**
 * Keep of each parameter what can match its type: one that many types share has an expression for each of them,
 * and MemoryRepository tries them all on every resource.
 */
export function keepOwnExpressions(types) {
  for (const type of types) {
    const parameters = getSearchParameters(type) ?? {};
    for (const [code, parameter] of Object.entries(parameters)) {
      const alternatives = parameter.expression?.split(' | ') ?? [];
      const own = alternatives.filter((each) => new RegExp(`^\\(*${type}[. ]`).test(each));
      if (own.length && own.length < alternatives.length) {
        parameters[code] = { ...parameter, expression: own.join(' | ') };
      }
    }
  }
}

/** The same search in criteria that look at the resource alone; `found` finds what a search finds. */
export function flattened(request, baseAddress, found) {
  return { ...request, filters: request.filters?.map((filter) => flat(filter, request.resourceType, baseAddress, found)) };
}

function flat(filter, type, baseAddress, found) {
  if (filter.code.startsWith('_has:')) {
    return referredTo(filter, type, found);
  }
  if (filter.code.includes('.')) {
    return chained(filter, type, found);
  }
  const parameter = parameterOf(type, filter.code);
  return parameter.type === 'reference' && filter.operator === Operator.EQUALS ? { ...filter, value: absoluteToLocal(filter.value, parameter, baseAddress) } : filter;
}

/** `_has:Condition:patient:code=…`: https://hl7.org/fhir/R4/search.html#has */
function referredTo(filter, type, found) {
  const [, other, by, ...rest] = filter.code.split(':');
  if (!rest.length) {
    throw refused(`${filter.code} must have the form _has:Type:reference:parameter`);
  }
  const expression = parameterOf(other, by).expression;
  const references = found(parseSearchRequest(other, { [rest.join(':')]: filter.value }))
    .flatMap((resource) => evalFhirPath(expression, resource))
    .map((each) => each?.reference)
    .filter((reference) => reference?.startsWith(`${type}/`));
  return { code: '_id', operator: Operator.EQUALS, value: references.map((reference) => reference.split('/')[1]).join(',') || NOBODY };
}

/** `patient.identifier=…`, `subject:Patient.name=…`: https://hl7.org/fhir/R4/search.html#chaining */
function chained(filter, type, found) {
  const dot = filter.code.indexOf('.');
  const [code, given] = filter.code.slice(0, dot).split(':');
  const targets = parameterOf(type, code).target ?? [];
  const target = given ?? targets[0];
  if (!target || (!given && targets.length > 1)) {
    throw refused(`${code} may refer to ${targets.join(', ')}: write which, as in ${code}:${targets.includes('Patient') ? 'Patient' : targets[0]}.${filter.code.slice(dot + 1)}`);
  }
  const matches = found(parseSearchRequest(target, { [filter.code.slice(dot + 1)]: filter.value }));
  return { code, operator: Operator.EQUALS, value: matches.map(({ id }) => `${target}/${id}`).join(',') || NOBODY };
}

function absoluteToLocal(value, { target }, baseAddress) {
  return splitSearchOnComma(value)
    .map((each) => each.replace(`${baseAddress}/`, ''))
    .flatMap((each) => (each.includes('/') || !target ? [each] : target.map((type) => `${type}/${each}`)))
    .join(',');
}

function parameterOf(type, code) {
  const parameter = getSearchParameters(type)?.[code];
  if (!SEARCHABLE.has(parameter?.type)) {
    throw refused(`${type} cannot be searched by ${code} here; /metadata lists by what it can`);
  }
  return parameter;
}

function refused(sentence) {
  return new OperationOutcomeError(badRequest(sentence));
}
