// fhir-kit-client against a server: node checks.js BASE NAME runs one check; an exception is a failure.
// https://github.com/Vermonster/fhir-kit-client

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { CapabilityTool, Client } from 'fhir-kit-client';

const [base, name] = process.argv.slice(2);
const client = new Client({ baseUrl: base });
const system = `urn:example:${randomUUID()}`;
const urn = 'urn:uuid:00000000-0000-4000-8000-000000000001';

const patient = (value = '1', more = {}) => ({
  resourceType: 'Patient',
  identifier: [{ system, value }],
  name: [{ family: 'Muster' }],
  ...more,
});
const observation = (subject) => ({
  resourceType: 'Observation',
  status: 'final',
  code: { text: 'weight' },
  subject: { reference: subject },
});
const bundle = (type, ...entry) => ({ resourceType: 'Bundle', type, entry });
const create = (body, options) => client.create({ resourceType: body.resourceType, body, options });
const http = (answer) => Client.httpFor(answer).response;
const statuses = (answer) => answer.entry.map((entry) => entry.response.status.slice(0, 3));
const refusal = async (promise, status) => {
  const error = await promise.then(() => assert.fail('was not refused'), (found) => found);
  assert.equal(error.response?.status, status, error.message);
  assert.equal(error.response.data.resourceType, 'OperationOutcome');
  return error.response.data.issue[0];
};

const checks = {
  async capabilities() {
    const statement = await client.capabilityStatement();
    const tool = new CapabilityTool(statement);
    assert.equal(statement.fhirVersion, '5.0.0');
    assert.ok(tool.serverCan('transaction') && tool.serverCan('batch'));
    for (const interaction of ['read', 'vread', 'update', 'patch', 'delete', 'create', 'search-type']) {
      assert.ok(tool.resourceCan('Patient', interaction), interaction);
    }
    assert.ok(tool.resourceSearch('Patient', 'birthdate'));
  },

  async life() {
    const made = await create(patient());
    assert.equal(http(made).status, 201);
    const { id } = made;
    assert.deepEqual(await client.read({ resourceType: 'Patient', id }), made);
    const update = await client.update({ resourceType: 'Patient', id, body: { ...made, gender: 'female' } });
    assert.equal(update.meta.versionId, '2');
    assert.equal(http(update).headers.get('etag'), 'W/"2"');
    assert.deepEqual(await client.vread({ resourceType: 'Patient', id, version: '1' }), made);
    await client.delete({ resourceType: 'Patient', id });
    const gone = await refusal(client.read({ resourceType: 'Patient', id }), 410);
    assert.equal(gone.code, 'deleted');
    await refusal(client.read({ resourceType: 'Patient', id: 'none' }), 404);
  },

  async searches() {
    for (const value of ['1', '2', '3', '4', '5']) await create(patient(value));
    const searchParams = { identifier: `${system}|`, _count: 2, _sort: '_id' };
    const first = await client.search({ resourceType: 'Patient', searchParams });
    const posted = await client.search({ resourceType: 'Patient', searchParams, options: { postSearch: true } });
    assert.deepEqual(posted.entry, first.entry);
    const seen = [];
    for (let page = first; page; page = await client.nextPage({ bundle: page })) {
      seen.push(...page.entry.map((entry) => entry.resource.identifier[0].value));
    }
    assert.deepEqual(seen.sort(), ['1', '2', '3', '4', '5']);
    const several = await client.resourceSearch({
      resourceType: 'Patient',
      searchParams: { identifier: [`${system}|`], name: ['mus', 'muster'] },
    });
    assert.equal(several.total, 5);
    const issue = await refusal(client.search({ resourceType: 'Patient', searchParams: { birthdate: 'x' } }), 400);
    assert.deepEqual(issue.expression, ['birthdate']);
  },

  async references() {
    const { id } = await create(patient());
    await create(observation(`Patient/${id}`));
    const found = await client.search({
      resourceType: 'Observation',
      searchParams: { 'patient.identifier': `${system}|1`, _include: 'Observation:patient' },
    });
    assert.deepEqual(found.entry.map((entry) => entry.search.mode), ['match', 'include']);
    const [weight] = found.entry.map((entry) => entry.resource);
    assert.equal((await client.resolve({ reference: weight.subject.reference })).id, id);
    assert.equal((await client.resolve({ reference: found.entry[1].fullUrl, context: found })).id, id);
  },

  async conditions() {
    const headers = { 'If-None-Exist': `identifier=${system}|1` };
    const made = await create(patient(), { headers });
    const again = await create(patient(), { headers });
    assert.deepEqual([http(made).status, http(again).status, again.id], [201, 200, made.id]);
    const searchParams = { identifier: `${system}|1` };
    const body = patient('1', { gender: 'male' });
    const updated = await client.update({ resourceType: 'Patient', searchParams, body });
    assert.deepEqual([updated.id, updated.meta.versionId], [made.id, '2']);
    const stale = { headers: { 'If-Match': 'W/"1"' } };
    await refusal(client.update({ resourceType: 'Patient', id: made.id, body: updated, options: stale }), 412);
    await client.request(`Patient?identifier=${system}|1`, { method: 'DELETE' });
    await refusal(client.read({ resourceType: 'Patient', id: made.id }), 410);
    await create(patient());
    await create(patient());
    assert.equal((await refusal(create(patient(), { headers }), 412)).code, 'multiple-matches');
  },

  async bundles() {
    const sent = bundle(
      'transaction',
      { fullUrl: urn, resource: patient(), request: { method: 'POST', url: 'Patient' } },
      { resource: observation(urn), request: { method: 'POST', url: 'Observation' } },
    );
    const done = await client.transaction({ body: sent });
    assert.deepEqual(statuses(done), ['201', '201']);
    const [place, weight] = done.entry.map((entry) => entry.response.location);
    assert.equal((await client.request(weight)).subject.reference, place.replace(/\/_history.*/, ''));
    const wrong = structuredClone(sent);
    wrong.entry[1].resource.status = 'bogus';
    const issue = await refusal(client.transaction({ body: wrong }), 422);
    assert.deepEqual(issue.expression, ['Bundle.entry[1].resource.status']);
    const reads = [place, 'Patient/none', `Patient?identifier=${system}|1`];
    const batch = bundle('batch', ...reads.map((url) => ({ request: { method: 'GET', url } })));
    const answers = await client.batch({ body: batch });
    assert.deepEqual(statuses(answers), ['200', '404', '200']);
    assert.equal(answers.entry[2].resource.total, 1);
  },

  async history() {
    const { id } = await create(patient());
    await client.update({ resourceType: 'Patient', id, body: { ...patient('2'), id } });
    await client.delete({ resourceType: 'Patient', id });
    const found = await client.history({ resourceType: 'Patient', id });
    assert.equal(found.type, 'history');
    assert.deepEqual(found.entry.map((entry) => entry.response.etag), ['W/"3"', 'W/"2"', 'W/"1"']);
  },

  async histories() {
    const { id } = await create(patient());
    for (const all of [await client.history({ resourceType: 'Patient' }), await client.history()]) {
      assert.equal(all.type, 'history');
      assert.equal(all.entry[0].resource.id, id, 'the newest is first');
    }
  },

  async patches() {
    const { id } = await create(patient());
    const place = { resourceType: 'Patient', id };
    const jsonPatch = [{ op: 'add', path: '/gender', value: 'female' }, { op: 'remove', path: '/name' }];
    const patched = await client.patch({ ...place, jsonPatch });
    assert.deepEqual([patched.meta.versionId, patched.gender, patched.name], ['2', 'female', undefined]);
    const stale = { headers: { 'If-Match': 'W/"1"' } };
    await refusal(client.patch({ ...place, jsonPatch: jsonPatch.slice(0, 1), options: stale }), 412);
    await refusal(client.patch({ ...place, jsonPatch: [{ op: 'test', path: '/gender', value: 'male' }] }), 422);
  },

  async operations() {
    const { id } = await create(patient('1', { meta: { tag: [{ system, code: 'red' }] } }));
    const meta = await client.operation({ name: '$meta', resourceType: 'Patient', id, method: 'GET' });
    assert.equal(meta.parameter[0].valueMeta.tag[0].code, 'red');
    await refusal(client.operation({ name: 'nothing', resourceType: 'Patient', input: {} }), 404);
    const record = { resourceType: 'Parameters', parameter: [] };
    await refusal(client.operation({ name: 'enroll', resourceType: 'ResearchStudy', id: 'none', input: record }), 400);
  },

  async logins() {
    assert.ok(!(await client.smartAuthMetadata()).authorizeUrl, 'there is no login to tell of');
  },
};

await checks[name]();
