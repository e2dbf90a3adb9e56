/** What this server can do, as it says of itself; tests/infra/local/test_fhir_server.py tries each of it. */
import { getSearchParameters, globalSchema, isResourceType } from '@medplum/core';
import { SEARCHABLE } from './search.mjs';

const INTERACTIONS = ['read', 'vread', 'update', 'patch', 'delete', 'history-instance', 'create', 'search-type'];

export function capabilityStatement(baseAddress) {
  return {
    resourceType: 'CapabilityStatement',
    status: 'active',
    date: '2026-11-22',
    kind: 'instance',
    implementation: { description: 'FHIR R4 server of the local run', url: baseAddress },
    fhirVersion: '4.0.1',
    format: ['json'],
    rest: [
      {
        mode: 'server',
        resource: Object.keys(globalSchema.types).filter(isResourceType).map(capabilitiesOf),
        interaction: [{ code: 'transaction' }, { code: 'batch' }],
      },
    ],
  };
}

function capabilitiesOf(type) {
  return {
    type,
    interaction: INTERACTIONS.map((code) => ({ code })),
    versioning: 'versioned-update',
    readHistory: true,
    updateCreate: true,
    conditionalCreate: true,
    conditionalRead: 'not-supported',
    conditionalUpdate: true,
    conditionalDelete: 'single',
    searchParam: Object.values(getSearchParameters(type) ?? {})
      .filter((parameter) => SEARCHABLE.has(parameter.type) && parameter.code !== '_compartment')
      .map((parameter) => ({ name: parameter.code, type: parameter.type })),
  };
}
