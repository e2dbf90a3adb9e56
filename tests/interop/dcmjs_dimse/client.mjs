// Sends the requests that it reads as JSON from standard input, over one association, and writes into a file what came
// of each: the responses, the instances that C-GET brought, the reports of storage commitment.

import { readFileSync, writeFileSync } from 'node:fs';
import dcmjsDimse from 'dcmjs-dimse';

const { Client, Dataset } = dcmjsDimse;
const { CEchoRequest, CFindRequest, CGetRequest, CMoveRequest, CStoreRequest, NActionRequest } = dcmjsDimse.requests;
const { CStoreResponse, NEventReportResponse } = dcmjsDimse.responses;
const { SopClass, Status } = dcmjsDimse.constants;

const COMMITMENT_INSTANCE = '1.2.840.10008.1.20.1.1'; // PS3.4 Section J.3.5
const SECONDS = 1000;

const asked = JSON.parse(readFileSync(0));
const outcome = { responses: asked.requests.map(() => []), stored: [], reported: [], failure: null };

const make = {
  echo: () => new CEchoRequest(),
  store: ({ file }) => new CStoreRequest(file),
  find: ({ keys }) => CFindRequest.createStudyFindRequest(keys),
  get: ({ study }) => CGetRequest.createStudyGetRequest(study),
  move: ({ study, destination }) => CMoveRequest.createStudyMoveRequest(destination, study),
  commit: ({ transaction, instances }) => {
    const request = new NActionRequest(SopClass.StorageCommitmentPushModel, COMMITMENT_INSTANCE, 1);
    const references = instances.map(([sopClass, sopInstance]) => (
      { ReferencedSOPClassUID: sopClass, ReferencedSOPInstanceUID: sopInstance }
    ));
    request.setDataset(new Dataset({ TransactionUID: transaction, ReferencedSOPSequence: references }));
    return request;
  },
};

const client = new Client();
asked.requests.forEach((one, number) => {
  const request = make[one.kind](one);
  request.on('response', (response) => {
    outcome.responses[number].push({
      status: response.getStatus(),
      completed: one.kind === 'get' || one.kind === 'move' ? response.getCompleted() : null,
      found: response.hasDataset() ? response.getDataset().getElements() : null,
    });
  });
  client.addRequest(request);
});
client.on('cStoreRequest', (request, callback) => {
  outcome.stored.push(request.getDataset().getElements().SOPInstanceUID);
  const response = CStoreResponse.fromRequest(request);
  response.setStatus(Status.Success);
  callback(response);
});
client.on('nEventReportRequest', (request, callback) => {
  outcome.reported.push({ event: request.getEventTypeId(), ...request.getDataset().getElements() });
  const response = NEventReportResponse.fromRequest(request);
  response.setStatus(Status.Success);
  callback(response);
  setTimeout(() => client.abort(), SECONDS / 10); // it has no other way to end before the time is over
});
client.on('networkError', (failure) => { outcome.failure = String(failure); });
client.on('associationRejected', (rejection) => { outcome.failure = JSON.stringify(rejection); });
client.on('closed', () => {
  writeFileSync(process.argv[2], JSON.stringify(outcome));
  process.exit(); // its timers would go on
});
client.send(asked.host, asked.port, asked.calling, asked.called, {
  associationLingerTimeout: asked.linger_seconds * SECONDS,
  securityOptions: asked.trusted ? { ca: asked.trusted } : undefined,
});
