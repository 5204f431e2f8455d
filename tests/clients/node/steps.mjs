// What the Node clients share: named steps that are told one by one, and the resources that they send.

import { strict as assert } from 'node:assert';
import { readFileSync } from 'node:fs';

let passed = 0;
let failed = 0;

/** Runs one step of a client's story; a fault is told and the story goes on. */
export async function step(title, run) {
  try {
    await run();
    passed += 1;
    console.log(`  ok    ${title}`);
  } catch (error) {
    failed += 1;
    const told = error.response?.data ?? error.outcome;
    console.log(`  FAULT ${title}: ${error.message}${told ? `\n        ${JSON.stringify(told)}` : ''}`);
  }
}

/** The last line; the process fails when a step did. */
export function finish() {
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
}

/** Expects the call to be refused with this status; gives the OperationOutcome. */
export async function refused(status, call) {
  let answer;
  try {
    answer = await call();
  } catch (error) {
    assert.equal(error.response?.status ?? lastStatus, status, error.message);
    const outcome = error.response?.data ?? error.outcome;
    assert.equal(outcome.resourceType, 'OperationOutcome');
    assert.ok(outcome.issue.length > 0);
    return outcome;
  }
  assert.fail(`expected ${status}, got ${JSON.stringify(answer)}`);
}

let lastStatus;

/** For a client whose errors do not tell the HTTP status: remembers that of the last answer. */
export async function watchedFetch(url, options) {
  const response = await fetch(url, options);
  lastStatus = response.status;
  return response;
}

const IDENTIFIERS = 'https://example.se/id/klient';

/** A token that nobody else has, for identifiers of this run. */
export const unique = (name) => `${name}-${process.hrtime.bigint()}`;

export const identifierQuery = (value) => `identifier=${encodeURIComponent(`${IDENTIFIERS}|${value}`)}`;
export const identifierToken = (value) => `${IDENTIFIERS}|${value}`;

/** A synthetic patient without a personal number. */
export const patient = (value, family = 'Prov') => ({
  resourceType: 'Patient',
  identifier: [{ system: IDENTIFIERS, value }],
  name: [{ family, given: ['Klient'] }],
  gender: 'female',
});

const example = (name) => JSON.parse(readFileSync(new URL(`../../../examples/${name}`, import.meta.url), 'utf8'));

/** A physician as fast vårdkontakt, in the version, of this patient. */
export function contact(version, subject, unit = 'orebro-vc-bjorken') {
  const team = example(version === 'r4' ? 'fast-vardkontakt-lakare.r4.json' : 'fast-vardkontakt-lakare.json');
  delete team.id;
  for (const member of ['reason', 'reasonCode', 'reasonReference']) delete team[member];
  team.subject.reference = subject;
  team.participant[0].member.reference = `PractitionerRole/${unit}-lakare`;
  team.managingOrganization[0].reference = `Organization/${unit}`;
  return team;
}

/** What the riktlinje refuses: a nurse as the only fast vårdkontakt of a patient with a life-threatening condition. */
export function nurseForAnna(version) {
  const team = contact(version, 'Patient/anna');
  team.participant[0].member.reference = 'PractitionerRole/orebro-vc-bjorken-sjukskoterska';
  return team;
}

export { assert };
