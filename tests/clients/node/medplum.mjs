// MedplumClient, an R4 client made for its own server, against the running service.
// Usage: node medplum.mjs http://127.0.0.1:PORT

import { MedplumClient } from '@medplum/core';
import {
  assert, contact, finish, identifierQuery, nurseForAnna, patient, refused, step, unique, watchedFetch,
} from './steps.mjs';

const baseUrl = `${process.argv[2]}/`;
const client = new MedplumClient({ baseUrl, fhirUrlPath: 'fhir/r4', fetch: watchedFetch, cacheTime: 0 });
const value = unique('medplum');
let stored;

console.log('MedplumClient, r4');

await step('capabilities', async () => {
  const statement = await client.get(client.fhirUrl('metadata'));
  assert.equal(statement.fhirVersion, '4.0.1');
});

await step('create and read', async () => {
  stored = await client.createResource(patient(value));
  assert.equal(stored.meta.versionId, '1');
  assert.deepEqual(await client.readResource('Patient', stored.id), stored);
  assert.deepEqual(await client.readReference({ reference: `Patient/${stored.id}` }), stored);
  await refused(404, () => client.readResource('Patient', 'nobody'));
});

await step('update with If-Match', async () => {
  const changed = { ...stored, birthDate: '1950-09-07' };
  const headers = { 'If-Match': 'W/"1"' };
  const updated = await client.updateResource(changed, { headers });
  assert.equal(updated.meta.versionId, '2');
  await refused(412, () => client.updateResource(changed, { headers }));
});

await step('patch', async () => {
  const operations = [
    { op: 'test', path: '/meta/versionId', value: '2' },
    { op: 'replace', path: '/name/0/family', value: 'Ändrad' },
  ];
  const patched = await client.patchResource('Patient', stored.id, operations);
  assert.equal(patched.name[0].family, 'Ändrad');
});

await step('conditional create', async () => {
  const found = await client.createResourceIfNoneExist(patient(value), identifierQuery(value));
  assert.equal(found.id, stored.id);
});

await step('conditional update', async () => {
  const updated = await client.upsertResource(patient(value, 'Villkorad'), identifierQuery(value));
  assert.deepEqual([updated.id, updated.meta.versionId], [stored.id, '4']);
});

await step('version and history', async () => {
  const first = await client.readVersion('Patient', stored.id, '1');
  assert.equal(first.name[0].family, 'Prov');
  const history = await client.readHistory('Patient', stored.id);
  assert.deepEqual(history.entry.map((entry) => entry.resource.meta.versionId), ['4', '3', '2', '1']);
});

await step('search', async () => {
  const one = await client.searchOne('Patient', identifierQuery(value));
  assert.equal(one.id, stored.id);
  const byName = await client.searchResources('Patient', { family: 'villkor', identifier: `https://example.se/id/klient|${value}` });
  assert.deepEqual(byName.map((it) => it.id), [stored.id]);
  const bundle = await client.search('CarePlan', 'patient=Patient/erik&_include=CarePlan:care-team');
  assert.ok(bundle.entry.some((entry) => entry.resource.resourceType === 'CareTeam'));
  await refused(400, () => client.search('Patient', 'shoesize=43'));
});

await step('all pages of a search', async () => {
  const all = await client.searchResources('Patient', { _count: 500 });
  const seen = [];
  for await (const page of client.searchResourcePages('Patient', { _count: 30 })) seen.push(...page.map((it) => it.id));
  assert.ok(seen.length > 100);
  assert.deepEqual(seen.sort(), all.map((it) => it.id).sort());
});

let team;
await step('transaction', async () => {
  const subject = 'urn:uuid:0b1f4c1e-8a54-4c38-9b52-0b6a1d2f7e02';
  const answer = await client.executeBatch({
    resourceType: 'Bundle',
    type: 'transaction',
    entry: [
      { resource: contact('r4', subject), request: { method: 'POST', url: 'CareTeam' } },
      { fullUrl: subject, resource: patient(unique('medplum')), request: { method: 'POST', url: 'Patient' } },
    ],
  });
  assert.deepEqual(answer.entry.map((entry) => entry.response.status.slice(0, 3)), ['201', '201']);
  team = answer.entry[0].response.location.match(/CareTeam\/([^/]+)/)[1];
  const written = await client.readResource('CareTeam', team);
  assert.equal((await client.readReference(written.subject)).resourceType, 'Patient');
});

await step('batch', async () => {
  const answer = await client.executeBatch({
    resourceType: 'Bundle',
    type: 'batch',
    entry: [
      { request: { method: 'GET', url: `CareTeam/${team}` } },
      { resource: nurseForAnna('r4'), request: { method: 'POST', url: 'CareTeam' } },
    ],
  });
  assert.deepEqual(answer.entry.map((entry) => entry.response.status.slice(0, 3)), ['200', '422']);
});

await step('the riktlinje refuses, with its reasons', async () => {
  const outcome = await refused(422, () => client.createResource(nurseForAnna('r4')));
  assert.ok(outcome.issue.some((issue) => issue.details.coding[0].code === 'FVK-01'));
});

await step('$validate and $everything', async () => {
  const judged = await client.validateResource(nurseForAnna('r4'));
  assert.ok(judged.issue.some((issue) => issue.details.coding?.[0].code === 'FVK-01'));
  const everything = await client.readPatientEverything('erik');
  assert.ok(everything.entry.some((entry) => entry.resource.resourceType === 'CarePlan'));
});

await step('delete', async () => {
  await client.deleteResource('CareTeam', team);
  await client.deleteResource('Patient', stored.id);
  await refused(410, () => client.readResource('Patient', stored.id));
});

finish();
