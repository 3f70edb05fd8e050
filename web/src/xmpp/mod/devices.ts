// The devices of an account (XEP-0494): which apps are signed in, and signing one out.
import type { Client } from '../client';
import { NS } from '../ns';
import { type El, x } from '../xml';

export interface Device {
  /** Opaque. */
  id: string;
  /** What the device calls itself; empty: it does not say. */
  name: string;
  software: string;
  connected: boolean;
  /** In milliseconds, to the hour; 0: not known. */
  lastSeen: number;
  /** It is this one. */
  here: boolean;
}

function read(el: El): Device {
  const agent = el.child('user-agent');
  return {
    id: el.attr('id') ?? '',
    name: agent?.child('device')?.text() ?? '',
    software: agent?.child('software')?.text() ?? '',
    connected: el.attr('connected') === 'true' || el.attr('connected') === '1',
    lastSeen: Date.parse(el.child('last-seen')?.text() ?? '') || 0,
    here: el.child('this', NS.devices) !== undefined,
  };
}

/** This one first, then those that are connected, then by when they were seen. */
export async function listDevices(client: Client): Promise<Device[]> {
  const answer = await client.iq({ type: 'get', payload: x('list', { xmlns: NS.cam }) });
  const rank = (d: Device) => (d.here ? 2 : d.connected ? 1 : 0);
  const all = (answer?.elements('client') ?? []).map(read).filter((d) => d.id !== '');
  return all.sort((a, b) => rank(b) - rank(a) || b.lastSeen - a.lastSeen);
}

export async function signOutDevice(client: Client, id: string): Promise<undefined> {
  await client.iq({ type: 'set', payload: x('revoke', { xmlns: NS.cam, id }) });
}
