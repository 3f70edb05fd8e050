// What can go wrong, as values that the store turns into the user's words.
import { NS } from './ns';
import type { El } from './xml';

/** An error stanza: the answer to an IQ, or a bounced message or presence. */
export class StanzaError extends Error {
  constructor(
    readonly condition: string,
    readonly type: string,
    override readonly message: string,
    /** The condition of the application (for example `blocked`), if any. */
    readonly app?: string,
  ) {
    super(message || condition);
  }

  static from(stanza: El): StanzaError {
    const error = stanza.child('error');
    let condition = 'undefined-condition';
    let text = '';
    let app: string | undefined;
    for (const el of error?.elements() ?? []) {
      if (el.ns !== NS.stanzaErrors) app ??= el.name;
      else if (el.name === 'text') text = el.text();
      else condition = el.name;
    }
    return new StanzaError(condition, error?.attr('type') ?? 'cancel', text, app);
  }
}

/** The server ended the stream with an error. */
export class StreamError extends Error {
  constructor(
    readonly condition: string,
    readonly text = '',
  ) {
    super(text || condition);
  }

  static from(el: El): StreamError {
    let condition = 'undefined-condition';
    let text = '';
    for (const c of el.elements()) {
      if (c.ns !== NS.streamErrors) continue;
      if (c.name === 'text') text = c.text();
      else condition = c.name;
    }
    return new StreamError(condition, text);
  }
}

/** Signing in failed. `condition` is a SASL condition, or one of ours: no-mechanism, bad-server, keys-stale, insecure-page. */
export class AuthError extends Error {
  constructor(
    readonly condition: string,
    readonly text = '',
  ) {
    super(text || condition);
  }

  /** Whether trying again with the same credentials can help. */
  get temporary(): boolean {
    return this.condition === 'temporary-auth-failure';
  }
}

/** No connection, or it went away before the answer came. */
export class DisconnectedError extends Error {
  constructor(message = 'not connected') {
    super(message);
  }
}

export class TimeoutError extends Error {
  constructor(message = 'no answer in time') {
    super(message);
  }
}

/** The other side broke the protocol. */
export class ProtocolError extends Error {}
