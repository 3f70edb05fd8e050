// Streams that are opened for one purpose and closed again: what does the server offer, is this the right
// password, make an account.

import { AuthError, StreamError } from '../xmpp/errors';
import { domainOf } from '../xmpp/jid';
import { registerAccount, registrationOffered } from '../xmpp/mod/register';
import { prove, type UserAgent } from '../xmpp/negotiate';
import type { ScramKeys } from '../xmpp/scram';
import { Stream } from '../xmpp/stream';
import type { El } from '../xmpp/xml';
import type { Env } from './env';

export const SOFTWARE = 'Confab';
const PATIENCE_MS = 20_000;

async function withStream<T>(
  env: Env,
  url: string,
  domain: string,
  work: (stream: Stream, features: El) => Promise<T>,
): Promise<T> {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), PATIENCE_MS);
  try {
    const { stream, features } = await Stream.open(env.openSocket, url, domain, abort.signal);
    try {
      return await work(stream, features);
    } finally {
      stream.close();
    }
  } finally {
    clearTimeout(timer);
  }
}

export interface ServerFacts {
  domain: string;
  registration: boolean;
}

/** Which domain the page's own server serves, and whether it takes new people. */
export async function askServer(env: Env, guess: string): Promise<ServerFacts> {
  const ask = (domain: string) =>
    withStream(env, env.ownUrl(), domain, async (stream, features) => ({
      domain: stream.from || domain,
      registration: registrationOffered(features),
    }));
  try {
    return await ask(guess);
  } catch (e) {
    // The page may be opened under another name than the server's own; its answer says how it is called.
    const name = e instanceof StreamError ? (e as StreamError & { from?: string }).from : undefined;
    if (!name || name === guess) throw e;
    return ask(name);
  }
}

/** Checks a password and makes the keys that are kept in its place. */
export async function checkPassword(
  env: Env,
  ownDomain: string,
  address: string,
  password: string,
  userAgent: UserAgent,
): Promise<ScramKeys> {
  const domain = domainOf(address);
  const url = await env.url(domain, ownDomain);
  const keys = await withStream(env, url, domain, (stream, features) =>
    prove(stream, features, { address, credentials: { password }, userAgent }),
  );
  if (!keys) throw new AuthError('no-mechanism');
  return keys;
}

export async function makeAccount(env: Env, ownDomain: string, address: string, password: string): Promise<void> {
  const domain = domainOf(address);
  const url = await env.url(domain, ownDomain);
  await withStream(env, url, domain, (stream) => registerAccount(stream, address, password));
}
