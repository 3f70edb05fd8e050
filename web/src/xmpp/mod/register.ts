// Accounts (XEP-0077): made on a stream before signing in; password changed and account deleted while signed in.
import type { Client } from '../client';
import { ProtocolError, StanzaError } from '../errors';
import { domainOf, localOf } from '../jid';
import { request } from '../negotiate';
import { NS } from '../ns';
import type { Stream } from '../stream';
import { type El, x } from '../xml';

export function registrationOffered(features: El): boolean {
  return features.child('register', NS.registerFeature) !== undefined;
}

/** Makes an account on a stream that nobody has signed in on. */
export async function registerAccount(stream: Stream, address: string, password: string): Promise<void> {
  const form = await request(stream, [], x('query', { xmlns: NS.register }), 'get');
  const fields = form.child('query', NS.register);
  if (!fields?.child('username') || !fields.child('password'))
    throw new ProtocolError('this server registers in another way');
  await request(
    stream,
    [],
    x('query', { xmlns: NS.register }, x('username', {}, localOf(address)), x('password', {}, password)),
  );
}

export async function changePassword(client: Client, address: string, password: string): Promise<void> {
  await client.iq({
    type: 'set',
    to: domainOf(address),
    payload: x('query', { xmlns: NS.register }, x('username', {}, localOf(address)), x('password', {}, password)),
  });
}

/** Deletes the account for good. The server may end the stream right after its answer, or instead of it. */
export async function removeAccount(client: Client): Promise<void> {
  try {
    await client.iq({ type: 'set', payload: x('query', { xmlns: NS.register }, x('remove')) });
  } catch (e) {
    if (e instanceof StanzaError) throw e;
    const { state } = client.connection;
    if (state.name !== 'ended') throw e;
  }
}
