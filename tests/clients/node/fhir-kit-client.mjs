// fhir-kit-client against the running service: what a user of the client does, in both versions.
// Usage: node fhir-kit-client.mjs http://127.0.0.1:PORT

import { CapabilityTool, Client } from 'fhir-kit-client';
import {
  assert, contact, finish, identifierQuery, identifierToken, nurseForAnna, patient, refused, step, unique,
} from './steps.mjs';

const address = process.argv[2];
for (const version of ['r5', 'r4']) await story(version);
finish();

async function story(version) {
  console.log(`fhir-kit-client, ${version}`);
  const client = new Client({ baseUrl: `${address}/fhir/${version}` });
  const types = (bundle) => (bundle.entry ?? []).map((entry) => entry.resource.resourceType);
  const value = unique('fhir-kit');
  let stored;

  await step('capabilities', async () => {
    const statement = await client.capabilityStatement();
    assert.equal(statement.fhirVersion, { r5: '5.0.0', r4: '4.0.1' }[version]);
    const tool = new CapabilityTool(statement);
    for (const interaction of ['transaction', 'batch', 'history-system', 'search-system']) {
      assert.ok(tool.serverCan(interaction), interaction);
    }
    for (const interaction of ['read', 'vread', 'create', 'update', 'patch', 'delete', 'history-instance', 'search-type']) {
      assert.ok(tool.resourceCan('CareTeam', interaction), interaction);
    }
    assert.ok(tool.resourceSearch('CareTeam', 'patient'));
  });

  await step('create', async () => {
    stored = await client.create({ resourceType: 'Patient', body: patient(value) });
    const { response } = Client.httpFor(stored);
    assert.equal(response.status, 201);
    assert.equal(response.headers.get('etag'), 'W/"1"');
    assert.equal(response.headers.get('location'), `${client.baseUrl}/Patient/${stored.id}/_history/1`);
  });

  await step('read', async () => {
    assert.deepEqual(await client.read({ resourceType: 'Patient', id: stored.id }), stored);
    await refused(404, () => client.read({ resourceType: 'Patient', id: 'nobody' }));
  });

  await step('update with If-Match', async () => {
    const changed = { ...stored, birthDate: '1950-09-07' };
    const options = { headers: { 'If-Match': 'W/"1"' } };
    const updated = await client.update({ resourceType: 'Patient', id: stored.id, body: changed, options });
    assert.equal(updated.meta.versionId, '2');
    await refused(412, () => client.update({ resourceType: 'Patient', id: stored.id, body: changed, options }));
  });

  await step('vread', async () => {
    const first = await client.vread({ resourceType: 'Patient', id: stored.id, version: '1' });
    assert.deepEqual(first, stored);
  });

  await step('patch', async () => {
    const jsonPatch = [
      { op: 'test', path: '/gender', value: 'female' },
      { op: 'replace', path: '/name/0/family', value: 'Ändrad' },
    ];
    const patched = await client.patch({ resourceType: 'Patient', id: stored.id, jsonPatch });
    assert.equal(patched.name[0].family, 'Ändrad');
    assert.equal(patched.meta.versionId, '3');
    const failing = [{ op: 'test', path: '/gender', value: 'male' }];
    await refused(422, () => client.patch({ resourceType: 'Patient', id: stored.id, jsonPatch: failing }));
  });

  await step('conditional create', async () => {
    const options = { headers: { 'If-None-Exist': identifierQuery(value) } };
    const found = await client.create({ resourceType: 'Patient', body: patient(value), options });
    assert.equal(Client.httpFor(found).response.status, 200);
    assert.equal(found.id, stored.id);
  });

  await step('conditional update', async () => {
    const searchParams = { identifier: identifierToken(value) };
    const body = patient(value, 'Villkorad');
    const updated = await client.update({ resourceType: 'Patient', searchParams, body });
    assert.deepEqual([updated.id, updated.meta.versionId], [stored.id, '4']);
  });

  await step('search, by GET and by POST', async () => {
    const searchParams = { identifier: identifierToken(value), family: 'villkor' };
    const byGet = await client.search({ resourceType: 'Patient', searchParams });
    const byPost = await client.search({ resourceType: 'Patient', searchParams, options: { postSearch: true } });
    assert.deepEqual(byGet.entry.map((entry) => entry.resource.id), [stored.id]);
    assert.deepEqual(byPost.entry, byGet.entry);
    await refused(400, () => client.search({ resourceType: 'Patient', searchParams: { shoesize: '43' } }));
  });

  for (const [way, options] of [['GET', {}], ['POST', { postSearch: true }]]) {
    await step(`all pages of a search by ${way}`, async () => {
      const all = await client.search({ resourceType: 'Patient', searchParams: { _count: 500 } });
      const seen = [];
      const searchParams = { _count: 30, _sort: '-_lastUpdated' };
      let page = await client.search({ resourceType: 'Patient', searchParams, options });
      for (let pages = 0; page && pages < 100; pages += 1) {
        seen.push(...page.entry.map((entry) => entry.resource.id));
        page = await client.nextPage({ bundle: page });
      }
      assert.ok(seen.length > 100);
      assert.equal(new Set(seen).size, seen.length);
      assert.deepEqual(seen.sort(), all.entry.map((entry) => entry.resource.id).sort());
    });
  }

  await step('include and reverse include', async () => {
    const searchParams = { patient: 'Patient/erik', _include: 'CarePlan:care-team' };
    const plans = await client.search({ resourceType: 'CarePlan', searchParams });
    assert.ok(types(plans).includes('CarePlan') && types(plans).includes('CareTeam'), types(plans).join());
    assert.ok(plans.entry.every((it) => it.search.mode === (it.resource.resourceType === 'CarePlan' ? 'match' : 'include')));
    const back = await client.search({ resourceType: 'Patient', searchParams: { _id: 'erik', _revinclude: 'CareTeam:patient' } });
    assert.ok(types(back).includes('CareTeam'), types(back).join());
  });

  await step('chains and _has', async () => {
    const chained = await client.search({ resourceType: 'CareTeam', searchParams: { 'patient:Patient._id': 'erik' } });
    const plain = await client.search({ resourceType: 'CareTeam', searchParams: { patient: 'Patient/erik' } });
    assert.ok(plain.entry.length > 0);
    assert.deepEqual(types(chained), types(plain));
    const has = await client.search({ resourceType: 'Patient', searchParams: { '_has:CareTeam:patient:_id': plain.entry[0].resource.id } });
    assert.deepEqual(has.entry.map((entry) => entry.resource.id), ['erik']);
  });

  await step('compartment search, search of the whole service', async () => {
    const compartment = { resourceType: 'Patient', id: 'erik' };
    const teams = await client.search({ resourceType: 'CareTeam', compartment });
    assert.ok(types(teams).length > 0 && types(teams).every((type) => type === 'CareTeam'));
    const both = await client.search({ searchParams: { _type: 'Patient,Practitioner', _id: 'erik,orebro-vc-bjorken-lakare' } });
    assert.deepEqual(types(both).sort(), ['Patient', 'Practitioner']);
  });

  await step('_summary and _elements', async () => {
    const count = await client.search({ resourceType: 'CareTeam', searchParams: { _summary: 'count' } });
    assert.ok(count.total > 50 && !count.entry);
    const few = await client.search({ resourceType: 'Patient', searchParams: { _id: 'erik', _elements: 'birthDate' } });
    assert.ok(few.entry[0].resource.birthDate && !few.entry[0].resource.name);
    assert.ok(few.entry[0].resource.meta.tag.some((tag) => tag.code === 'SUBSETTED'));
  });

  let team;
  await step('transaction', async () => {
    const subject = 'urn:uuid:0b1f4c1e-8a54-4c38-9b52-0b6a1d2f7e01';
    const body = {
      resourceType: 'Bundle',
      type: 'transaction',
      entry: [
        { resource: contact(version, subject), request: { method: 'POST', url: 'CareTeam' } },
        { fullUrl: subject, resource: patient(unique('fhir-kit')), request: { method: 'POST', url: 'Patient' } },
        { request: { method: 'GET', url: 'Patient/erik' } },
      ],
    };
    const answer = await client.transaction({ body });
    assert.equal(answer.type, 'transaction-response');
    assert.deepEqual(answer.entry.map((entry) => entry.response.status.slice(0, 3)), ['201', '201', '200']);
    team = answer.entry[0].response.location.match(/CareTeam\/([^/]+)/)[1];
    const written = await client.read({ resourceType: 'CareTeam', id: team });
    assert.match(answer.entry[1].response.location, new RegExp(written.subject.reference));
    const person = await client.resolve({ reference: written.subject.reference });
    assert.equal(person.resourceType, 'Patient');
  });

  await step('batch', async () => {
    const body = {
      resourceType: 'Bundle',
      type: 'batch',
      entry: [
        { request: { method: 'GET', url: 'Patient/erik' } },
        { request: { method: 'GET', url: 'Patient/nobody' } },
        { resource: nurseForAnna(version), request: { method: 'POST', url: 'CareTeam' } },
        { request: { method: 'GET', url: `CareTeam?_id=${team}` } },
      ],
    };
    const answer = await client.batch({ body });
    assert.equal(answer.type, 'batch-response');
    assert.deepEqual(answer.entry.map((entry) => entry.response.status.slice(0, 3)), ['200', '404', '422', '200']);
    assert.equal(answer.entry[2].response.outcome.resourceType, 'OperationOutcome');
  });

  await step('the riktlinje refuses, with its reasons', async () => {
    const outcome = await refused(422, () => client.create({ resourceType: 'CareTeam', body: nurseForAnna(version) }));
    const rules = outcome.issue.map((issue) => issue.details.coding[0].code);
    assert.ok(rules.includes('FVK-01'), rules.join());
    assert.ok(outcome.issue.every((issue) => issue.expression.length > 0));
  });

  await step('$validate, $riktlinjekontroll and $everything', async () => {
    const judged = await client.operation({ name: 'validate', resourceType: 'CareTeam', input: nurseForAnna(version) });
    assert.ok(judged.issue.some((issue) => issue.severity === 'error' && issue.details.coding?.[0].code === 'FVK-01'));
    const whole = await client.operation({ name: '$riktlinjekontroll', resourceType: 'Patient', id: 'anna', method: 'GET' });
    assert.equal(whole.resourceType, 'OperationOutcome');
    const everything = await client.operation({ name: '$everything', resourceType: 'Patient', id: 'erik', method: 'GET' });
    for (const type of ['Patient', 'CareTeam', 'CarePlan']) assert.ok(types(everything).includes(type), type);
  });

  await step('history of a resource, a type and everything', async () => {
    const versions = await client.history({ resourceType: 'Patient', id: stored.id });
    assert.equal(versions.type, 'history');
    assert.deepEqual(versions.entry.map((entry) => entry.resource.meta.versionId), ['4', '3', '2', '1']);
    assert.ok((await client.history({ resourceType: 'Patient' })).entry.length > 0);
    const next = await client.nextPage({ bundle: await client.history() });
    assert.ok(next.entry.length > 0);
  });

  await step('delete', async () => {
    const gone = await client.delete({ resourceType: 'Patient', id: stored.id });
    assert.equal(Client.httpFor(gone).response.status, 204);
    await refused(410, () => client.read({ resourceType: 'Patient', id: stored.id }));
    const versions = await client.history({ resourceType: 'Patient', id: stored.id });
    assert.equal(versions.entry[0].request.method, 'DELETE');
    await client.delete({ resourceType: 'CareTeam', id: team });
  });
}
