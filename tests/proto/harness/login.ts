// Signing in, step by step, so that a test can stop between the steps or do them wrong.

import { Client, type OpenOptions, type Ports, type Transport } from './client.ts';
import { plain, Scram, type ScramName } from './scram.ts';
import { dialogueError } from './transcript.ts';
import { type El, NS, x } from './xml.ts';

export interface Account {
  readonly name: string;
  readonly jid: string;
  readonly password: string;
}

/** The transport of tests that do not care: the whole suite can be run over another one. */
export const DEFAULT_TRANSPORT = (process.env.CONFAB_TRANSPORT ?? 'tcp') as Transport;

/** Opens the stream and brings TLS up if the transport is STARTTLS. Ends with the features. */
export async function negotiate(c: Client, options: OpenOptions = {}): Promise<El> {
  c.open(options);
  await c.expectOpen();
  let features = await c.expectFeatures();
  if (c.transport === 'starttls') {
    c.sendRaw(`<starttls xmlns='${NS.tls}'/>`);
    await c.expect(`<proceed xmlns='${NS.tls}'/>`);
    await c.startTls();
    c.open(options);
    await c.expectOpen();
    features = await c.expectFeatures();
  }
  return features;
}

export type Mechanism = ScramName | 'PLAIN';

/** RFC 6120 SASL up to <success/>; the restart is the caller's. Resolves to the last answer, a failure too. */
export async function sasl1(
  c: Client,
  name: string,
  password: string,
  mechanism: Mechanism = 'SCRAM-SHA-256',
  authzid = '',
): Promise<El> {
  if (mechanism === 'PLAIN') {
    c.sendRaw(x`<auth xmlns='${NS.sasl}' mechanism='PLAIN'>${plain(authzid, name, password)}</auth>`);
    return c.nextElement('the outcome of SASL');
  }
  const scram = new Scram(mechanism, name, password, authzid === '' ? 'n,,' : `n,a=${authzid},`);
  c.sendRaw(x`<auth xmlns='${NS.sasl}' mechanism='${mechanism}'>${scram.first()}</auth>`);
  const challenge = await c.nextElement('a SASL challenge');
  if (challenge.name !== 'challenge') return challenge;
  c.sendRaw(x`<response xmlns='${NS.sasl}'>${scram.final(challenge.text)}</response>`);
  const outcome = await c.nextElement('the outcome of SASL');
  if (outcome.name === 'success') scram.verify(outcome.text);
  return outcome;
}

export async function bindResource(c: Client, resource?: string): Promise<string> {
  const asked = resource === undefined ? '' : x`<resource>${resource}</resource>`;
  const answer = await c.set(`<bind xmlns='${NS.bind}'>${asked}</bind>`);
  c.jid = answer.at('bind', 'jid').text;
  c.label = `${c.label.split('/')[0]}/${c.resource}`;
  return c.jid;
}

/** Everything of RFC 6120 up to the bound resource, as an old client does it. */
export async function loginLegacy(
  c: Client,
  account: Account,
  resource?: string,
  mechanism?: Mechanism,
): Promise<void> {
  await authenticate(c, account, mechanism);
  await bindResource(c, resource);
}

/** As above, without the binding: what a resumption needs. */
export async function authenticate(c: Client, account: Account, mechanism?: Mechanism): Promise<El> {
  await negotiate(c);
  const outcome = await sasl1(c, account.name, account.password, mechanism);
  if (outcome.name !== 'success') throw dialogueError(`${c.label}: SASL failed: ${outcome}`);
  c.open();
  await c.expectOpen();
  return c.expectFeatures();
}

export interface Sasl2Options {
  mechanism?: Mechanism;
  agentId?: string;
  /** undefined: no <bind/>; '' binds without a tag. */
  tag?: string;
  /** Children of <bind/>, e.g. <enable/> of stream management. */
  inBind?: string;
  /** Children of <authenticate/>, e.g. <resume/>. */
  inline?: string;
  authzid?: string;
  password?: string;
}

/** The SASL2 exchange on an open stream. Resolves to <success/>, <failure/>, or <continue/> if there are tasks (XEP-0480). */
export async function sasl2(c: Client, account: Account, o: Sasl2Options = {}): Promise<El> {
  const mechanism = o.mechanism ?? 'SCRAM-SHA-256';
  const password = o.password ?? account.password;
  const agent =
    o.agentId === undefined
      ? ''
      : x`<user-agent id='${o.agentId}'><software>dialogue</software><device>test</device></user-agent>`;
  const tag = o.tag ? x`<tag>${o.tag}</tag>` : '';
  const bind = o.tag === undefined ? '' : `<bind xmlns='${NS.bind2}'>${tag}${o.inBind ?? ''}</bind>`;
  const rest = `${agent}${o.inline ?? ''}${bind}`;
  const start = (initial: string) =>
    c.sendRaw(
      `<authenticate xmlns='${NS.sasl2}' mechanism='${mechanism}'><initial-response>${initial}</initial-response>${rest}</authenticate>`,
    );

  if (mechanism === 'PLAIN') {
    start(plain(o.authzid ?? '', account.name, password));
    return c.nextElement('the outcome of SASL2');
  }
  const scram = new Scram(mechanism, account.name, password, o.authzid ? `n,a=${o.authzid},` : 'n,,');
  start(scram.first());
  const challenge = await c.nextElement('a SASL2 challenge');
  if (challenge.name !== 'challenge') return challenge;
  c.sendRaw(`<response xmlns='${NS.sasl2}'>${scram.final(challenge.text)}</response>`);
  const outcome = await c.nextElement('the outcome of SASL2');
  if (outcome.name === 'success' || outcome.name === 'continue') scram.verify(outcome.at('additional-data').text);
  return outcome;
}

/** Takes over what <success/> says: the full JID, stream management. */
export function takeSuccess(c: Client, success: El): void {
  if (success.name !== 'success') throw dialogueError(`${c.label}: SASL2 failed: ${success}`);
  c.jid = success.at('authorization-identifier').text;
  c.label = `${c.label.split('/')[0]}/${c.resource}`;
}

export const SM_ENABLE = `<enable xmlns='${NS.sm}' resume='true'/>`;

/** A modern sign-in: SASL2, Bind 2 and stream management in one exchange. */
export async function loginModern(c: Client, account: Account, o: Sasl2Options = {}): Promise<El> {
  await negotiate(c);
  const success = await sasl2(c, account, { tag: 'test', inBind: SM_ENABLE, ...o });
  takeSuccess(c, success);
  await c.expectFeatures();
  return success;
}

export async function enableSm(c: Client, resume = true): Promise<void> {
  c.sendRaw(resume ? SM_ENABLE : `<enable xmlns='${NS.sm}'/>`);
  c.startSm(
    await c.expect(resume ? `<enabled xmlns='${NS.sm}' id='*' resume='~true|1'/>` : `<enabled xmlns='${NS.sm}'/>`),
  );
}

/**
 * A new connection that goes on with the session of `old`: authenticated the old way, then <resume/>. What the server
 * had not handled is sent again, as XEP-0198 section 5 asks.
 */
export async function resume(old: Client, account: Account, ports: Ports = old.ports): Promise<Client> {
  const c = await Client.connect(old.label, ports, old.transport);
  await authenticate(c, account);
  c.resuming = old;
  c.sendRaw(x`<resume xmlns='${NS.sm}' h='${old.sm!.received}' previd='${old.sm!.id!}'/>`);
  await c.expect(x`<resumed xmlns='${NS.sm}' previd='${old.sm!.id!}' h='*'/>`);
  return c;
}
