// What a person chooses for an account, the same on all of its devices: an item of a private node for each choice that has been made
// (docs/decisions/016-chat-settings.md), named as here:
//
//   <choice xmlns='urn:confab:choices:0'>false</choice>
import { NS } from '../xmpp/ns';
import { write, x } from '../xmpp/xml';
import { payloadOf } from './mirror';
import type { Choices } from './model';

export const DEFAULT_CHOICES: Choices = Object.freeze({
  enterSends: true,
  sendTyping: true,
  sendRead: true,
  previews: true,
});

/** Nothing is sent as long as it is not known whether it may be. */
export const UNKNOWN_CHOICES: Choices = Object.freeze({ ...DEFAULT_CHOICES, sendTyping: false, sendRead: false });

export const isChoice = (name: string): name is keyof Choices => Object.hasOwn(DEFAULT_CHOICES, name);

/** Undefined: it says nothing that this app understands. */
export function readChoice(xml: string): boolean | undefined {
  const el = payloadOf(xml);
  const text = el?.is('choice', NS.choices) ? el.text().trim() : '';
  return text === 'true' ? true : text === 'false' ? false : undefined;
}

export const writeChoice = (on: boolean): string => write(x('choice', { xmlns: NS.choices }, String(on)));

/** Out of what an older version of this app kept for the whole browser. */
export function choicesOf(kept: object): Choices {
  const known = Object.entries(kept).filter(([name, value]) => isChoice(name) && typeof value === 'boolean');
  return { ...DEFAULT_CHOICES, ...Object.fromEntries(known) };
}
