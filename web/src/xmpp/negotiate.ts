// From the first features to a bound (or resumed) session: SASL2 + Bind 2 with inline stream management where
// the server has them, else RFC 6120 SASL, restart, resource binding and classic stream management.
import { toBase64 } from './bytes';
import { AuthError, ProtocolError, StanzaError } from './errors';
import { FAST_MECHANISM, type FastToken, fastFirst, fastVerify, isTokenGone, newToken, offersFast } from './fast';
import { localOf } from './jid';
import { NS } from './ns';
import { type Credentials, chooseMechanism, Scram, type ScramKeys, SIGNED_OUT } from './scram';
import { isStanza, type Stream } from './stream';
import { Upgrades } from './upgrade';
import { type El, x } from './xml';

export interface UserAgent {
  /** A UUID, one for each account in this browser. */
  id: string;
  software: string;
  device: string;
}

export interface Wishes {
  /** Bare address to sign in as. */
  address: string;
  credentials: Credentials;
  userAgent: UserAgent;
  /** Tried first, where the server takes it. */
  token?: FastToken | undefined;
  /** A session to resume. */
  resume?: { id: string; h: number; jid: string } | undefined;
}

export interface Outcome {
  /** Full address. */
  jid: string;
  /** The server's count of our stanzas, when the old session was resumed. */
  resumedH?: number;
  /** The server's last count of a session that could not be resumed. */
  failedH?: number | undefined;
  /** New stream management: '' when it is on but cannot be resumed; undefined when there is none. */
  smId?: string | undefined;
  carbons: boolean;
  /** The server takes <active/> and <inactive/>. */
  csi: boolean;
  keys: ScramKeys | undefined;
  /** A new one; null: the one that was tried is good no longer. */
  token?: FastToken | null | undefined;
  /** Stanzas that came before counting began. */
  early: El[];
}

/**
 * How long the server keeps a session whose connection broke. Long enough for a tunnel or a reload; a closed tab
 * should not show as online for long, and what comes later than this is caught up from the archive.
 */
const RESUME_SECONDS = 90;

const enableSm = () => x('enable', { xmlns: NS.sm, resume: 'true', max: RESUME_SECONDS });

const PROVE_ONLY = Symbol('prove');

/** Only proves who one is (to check a password, to make keys); binds nothing. */
export async function prove(stream: Stream, features: El, wishes: Wishes): Promise<ScramKeys | undefined> {
  const outcome = await run(stream, features, wishes, PROVE_ONLY);
  return outcome.keys;
}

export function negotiate(stream: Stream, features: El, wishes: Wishes): Promise<Outcome> {
  return run(stream, features, wishes);
}

async function run(stream: Stream, features: El, wishes: Wishes, only?: typeof PROVE_ONLY): Promise<Outcome> {
  const sasl2 = features.child('authentication', NS.sasl2);
  if (sasl2 && pick(sasl2, wishes.credentials)) return signInSasl2(stream, features, sasl2, wishes, only);
  const sasl1 = features.child('mechanisms', NS.sasl);
  if (sasl1 && pick(sasl1, wishes.credentials)) return signInSasl1(stream, features, sasl1, wishes, only);
  const { credentials } = wishes;
  if (!('keys' in credentials)) throw new AuthError('no-mechanism');
  throw new AuthError(credentials.keys.mechanism === SIGNED_OUT ? 'credentials-expired' : 'keys-stale');
}

function pick(list: El, credentials: Credentials) {
  const names = list.elements('mechanism').map((m) => m.text().trim());
  return chooseMechanism(names, credentials);
}

function makeScram(features: El, list: El, wishes: Wishes): Scram {
  const m = pick(list, wishes.credentials)!;
  const offered = {
    mechanisms: list.elements('mechanism').map((e) => e.text().trim()),
    bindings: features
      .child('sasl-channel-binding', NS.saslCb)
      ?.elements('channel-binding')
      .map((e) => e.attr('type') ?? ''),
  };
  return new Scram(m.name, m.hash, localOf(wishes.address), wishes.credentials, undefined, offered);
}

function count(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}

function failure(el: El): AuthError {
  const condition = el.elements().find((c) => c.ns === NS.sasl && c.name !== 'text');
  const text = el.child('text', el.ns) ?? el.child('text', NS.sasl);
  return new AuthError(condition?.name ?? 'not-authorized', text?.text() ?? '');
}

// --- SASL2 (XEP-0388), Bind 2 (XEP-0386) ---

async function signInSasl2(
  stream: Stream,
  features: El,
  offer: El,
  wishes: Wishes,
  only?: typeof PROVE_ONLY,
): Promise<Outcome> {
  const scram = makeScram(features, offer, wishes);
  const inline = offer.child('inline');
  const bind2 = inline?.child('bind', NS.bind2);
  const inlineSm = inline?.child('sm', NS.sm) !== undefined;
  const { userAgent, resume } = wishes;
  const inBind = (ns: string) =>
    bind2
      ?.child('inline')
      ?.elements('feature')
      .some((f) => f.attr('var') === ns) ||
    bind2?.elements('feature').some((f) => f.attr('var') === ns) ||
    false;
  // Without inline resumption: prove first, resume the classic way, and bind only if that fails.
  const useBind = !only && bind2 !== undefined && (!resume || inlineSm);
  const wantSm = inlineSm || inBind(NS.sm);
  const wantCarbons = inBind(NS.carbons);
  const upgrades = new Upgrades(offer, wishes.credentials);
  const authenticate = (mechanism: string, initial: string, fast: El | false) =>
    x(
      'authenticate',
      { xmlns: NS.sasl2, mechanism },
      x('initial-response', {}, initial),
      x('user-agent', { id: userAgent.id }, x('software', {}, userAgent.software), x('device', {}, userAgent.device)),
      fast,
      ...upgrades.ask(),
      !only && resume && inlineSm && x('resume', { xmlns: NS.sm, h: resume.h, previd: resume.id }),
      useBind &&
        x(
          'bind',
          { xmlns: NS.bind2 },
          x('tag', {}, userAgent.software),
          wantCarbons && x('enable', { xmlns: NS.carbons }),
          wantSm && enableSm(),
        ),
    );
  const fast = !only && offersFast(inline);
  const token = fast && wishes.token && wishes.token.expiry > Date.now() ? wishes.token : undefined;
  let success: El | undefined;
  if (token) {
    const first = await fastFirst(localOf(wishes.address), token);
    stream.send(authenticate(FAST_MECHANISM, first, x('fast', { xmlns: NS.fast })));
    success = await fastOutcome(stream, token);
  }
  const byToken = success !== undefined;
  if (!success) {
    const ask = fast && x('request-token', { xmlns: NS.fast, mechanism: FAST_MECHANISM });
    stream.send(authenticate(scram.mechanism, scram.first(), ask));
    success = await exchange(stream, scram, NS.sasl2, upgrades);
  }
  const id = success.child('authorization-identifier')?.text().trim() ?? '';
  const fresh = newToken(success) ?? (wishes.token && !byToken ? null : undefined);
  const base = {
    carbons: false,
    csi: inBind(NS.csi),
    keys: upgrades.best(scram.keys),
    token: fresh,
    early: [] as El[],
  };
  if (only) return { ...base, jid: id };

  const resumed = success.child('resumed', NS.sm);
  if (resumed && resume) return { ...base, jid: resume.jid, resumedH: needCount(resumed) };
  const failedH = count(success.child('failed', NS.sm)?.attr('h'));

  const bound = success.child('bound', NS.bind2);
  if (!bound) {
    const next = await nextOf(stream, base.early, (el) => el.is('features', NS.streams));
    return bindClassic(stream, next, wishes, { ...base, failedH });
  }
  if (!id.includes('/')) throw new ProtocolError('no full address after binding');
  const enabled = bound.child('enabled', NS.sm);
  const outcome: Outcome = { ...base, jid: id, failedH, carbons: wantCarbons };
  if (enabled) return { ...outcome, smId: smId(enabled) };
  const next = await nextOf(stream, base.early, (el) => el.is('features', NS.streams));
  return { ...outcome, smId: await enableClassic(stream, next, outcome.early) };
}

/** <success/>; undefined: the token is good no longer, and the same stream takes another way. */
async function fastOutcome(stream: Stream, token: FastToken): Promise<El | undefined> {
  const el = await stream.next();
  if (el.is('success', NS.sasl2)) {
    await fastVerify(token, el.child('additional-data')?.text());
    return el;
  }
  if (!el.is('failure', NS.sasl2)) throw new ProtocolError(`unexpected <${el.name}/> while signing in`);
  const error = failure(el);
  if (!isTokenGone(error.condition)) throw error;
  return undefined;
}

/** The SCRAM dialogue, whose frames differ only in where the data stands. Resolves with <success/>. */
async function exchange(stream: Stream, scram: Scram, ns: string, upgrades?: Upgrades): Promise<El> {
  let answered = false;
  let verified = false;
  for (;;) {
    const el = await stream.next();
    if (el.is('challenge', ns) && !answered) {
      answered = true;
      stream.send(x('response', { xmlns: ns }, await scram.final(el.text())));
    } else if (el.is('challenge', ns) && ns === NS.sasl && !verified) {
      // Some servers send their signature as one more challenge.
      scram.verify(el.text());
      verified = true;
      stream.send(x('response', { xmlns: ns }));
    } else if (el.is('success', ns)) {
      if (!verified) scram.verify(ns === NS.sasl ? el.text() : el.child('additional-data')?.text());
      return el;
    } else if (el.is('failure', ns)) {
      throw failure(el);
    } else if (el.is('continue', ns) && upgrades) {
      if (!verified) scram.verify(el.child('additional-data')?.text());
      verified = true;
      stream.send(upgrades.begin(el));
    } else if (el.is('task-data', ns) && upgrades && verified) {
      stream.send(await upgrades.answer(el));
    } else throw new ProtocolError(`unexpected <${el.name}/> while signing in`);
  }
}

function smId(enabled: El): string {
  const resumable = enabled.attr('resume') === 'true' || enabled.attr('resume') === '1';
  return resumable ? (enabled.attr('id') ?? '') : '';
}

function needCount(el: El): number {
  const h = count(el.attr('h'));
  if (h === undefined) throw new ProtocolError('count expected');
  return h;
}

// --- RFC 6120 ---

async function signInSasl1(
  stream: Stream,
  features: El,
  offer: El,
  wishes: Wishes,
  only?: typeof PROVE_ONLY,
): Promise<Outcome> {
  const scram = makeScram(features, offer, wishes);
  stream.send(x('auth', { xmlns: NS.sasl, mechanism: scram.mechanism }, scram.first()));
  await exchange(stream, scram, NS.sasl);
  const base = { carbons: false, csi: false, keys: scram.keys, early: [] as El[] };
  if (only) return { ...base, jid: wishes.address };
  return bindClassic(stream, await stream.restart(), wishes, base);
}

type Base = Pick<Outcome, 'carbons' | 'csi' | 'keys' | 'token' | 'early' | 'failedH'>;

async function bindClassic(stream: Stream, features: El, wishes: Wishes, before: Base): Promise<Outcome> {
  const { resume } = wishes;
  const base = { ...before, csi: before.csi || features.child('csi', NS.csi) !== undefined };
  let failedH = base.failedH;
  if (resume && features.child('sm', NS.sm)) {
    stream.send(x('resume', { xmlns: NS.sm, h: resume.h, previd: resume.id }));
    const answer = await nextOf(stream, base.early, (el) => el.ns === NS.sm);
    if (answer.name === 'resumed') return { ...base, jid: resume.jid, resumedH: needCount(answer) };
    failedH ??= count(answer.attr('h'));
  }
  const resource = await request(stream, base.early, x('bind', { xmlns: NS.bind }));
  const jid = resource.child('bind', NS.bind)?.child('jid')?.text() ?? '';
  if (!jid.includes('/')) throw new ProtocolError('no full address after binding');
  const session = features.child('session', NS.session);
  if (session && !session.child('optional')) await request(stream, base.early, x('session', { xmlns: NS.session }));
  return { ...base, jid, failedH, smId: await enableClassic(stream, features, base.early) };
}

async function enableClassic(stream: Stream, features: El, early: El[]): Promise<string | undefined> {
  if (!features.child('sm', NS.sm)) return undefined;
  stream.send(enableSm());
  const answer = await nextOf(stream, early, (el) => el.ns === NS.sm);
  return answer.name === 'enabled' ? smId(answer) : undefined;
}

/** The next element that fits; stanzas before it are kept for later. */
async function nextOf(stream: Stream, early: El[], fits: (el: El) => boolean): Promise<El> {
  for (;;) {
    const el = await stream.next();
    if (fits(el)) return el;
    if (isStanza(el)) early.push(el);
    else throw new ProtocolError(`unexpected <${el.name}/>`);
  }
}

/** An IQ set to the server before the session exists. */
export async function request(stream: Stream, early: El[], payload: El, type = 'set'): Promise<El> {
  const id = toBase64(crypto.getRandomValues(new Uint8Array(9)));
  stream.send(x('iq', { xmlns: NS.client, type, id }, payload));
  const answer = await nextOf(stream, early, (el) => el.is('iq', NS.client) && el.attr('id') === id);
  if (answer.attr('type') !== 'result') throw StanzaError.from(answer);
  return answer;
}
