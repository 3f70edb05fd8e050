// Tokens (XEP-0484) from the client's side: asking for one, and signing in with it in one round trip.

import { createHmac } from 'node:crypto';
import type { Client } from './client.ts';
import { type Account, type Sasl2Options, sasl2 } from './login.ts';
import { type El, NS, x } from './xml.ts';

export type FastMechanism = 'HT-SHA-256-NONE' | 'HT-SHA-256-EXPR' | 'HT-SHA-256-ENDP';

export interface FastOptions {
  agentId?: string;
  mechanism?: FastMechanism;
  /** Attributes of <fast/>; false leaves the element out. */
  fast?: string | false;
  tag?: string;
  inBind?: string;
  inline?: string;
  binding?: Uint8Array;
  /** Instead of the proof. */
  proof?: Uint8Array;
  software?: string;
  device?: string;
}

const sign = (token: string, who: string, binding: Uint8Array) =>
  createHmac('sha256', token).update(who).update(binding).digest();

export const requestToken = (mechanism: FastMechanism = 'HT-SHA-256-NONE') =>
  `<request-token xmlns='${NS.fast}' mechanism='${mechanism}'/>`;

/** One message, one answer: <success/> (its proof checked) or <failure/>. */
export async function fast(c: Client, account: Account, token: string, o: FastOptions = {}): Promise<El> {
  const binding = o.binding ?? new Uint8Array();
  const proof = o.proof ?? sign(token, 'Initiator', binding);
  const initial = Buffer.concat([Buffer.from(`${account.name}\0`), proof]).toString('base64');
  const agent = o.agentId
    ? x`<user-agent id='${o.agentId}'><software>${o.software ?? 'dialogue'}</software><device>${o.device ?? 'test'}</device></user-agent>`
    : '';
  const bind = o.tag === undefined ? '' : `<bind xmlns='${NS.bind2}'>${x`<tag>${o.tag}</tag>`}${o.inBind ?? ''}</bind>`;
  const element = o.fast === false ? '' : `<fast xmlns='${NS.fast}' ${o.fast ?? ''}/>`;
  c.sendRaw(
    `<authenticate xmlns='${NS.sasl2}' mechanism='${o.mechanism ?? 'HT-SHA-256-NONE'}'>` +
      `<initial-response>${initial}</initial-response>${agent}${element}${o.inline ?? ''}${bind}</authenticate>`,
  );
  const outcome = await c.nextElement('the outcome of signing in with a token');
  if (outcome.name === 'success') {
    const data = Buffer.from(outcome.at('additional-data').text, 'base64');
    if (!data.equals(sign(token, 'Responder', binding))) throw new Error('the server does not have the token');
  }
  return outcome;
}

/** By the password, asking for a token: what <success/> gave. */
export async function getToken(
  c: Client,
  account: Account,
  agentId: string,
  mechanism: FastMechanism = 'HT-SHA-256-NONE',
  o: Sasl2Options = {},
): Promise<string> {
  const success = await sasl2(c, account, { agentId, ...o, inline: requestToken(mechanism) + (o.inline ?? '') });
  return success.at('token').need('token');
}
