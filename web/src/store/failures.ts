// Why something failed, in the user's words: what happened, then what to do. No word of the protocol here.
import { AuthError, DisconnectedError, ProtocolError, StanzaError, StreamError, TimeoutError } from '../xmpp/errors';
import type { Failure } from './model';

export function fail(code: Failure['code'], text: string): Failure {
  return { code, text };
}

const OFFLINE = fail('offline', 'There is no connection right now. Try again when you are online.');

/** A message that came back. */
export function messageFailure(error: StanzaError): Failure {
  if (error.app === 'blocked') return fail('blocked', 'You have blocked this person. Unblock them to write to them.');
  switch (error.condition) {
    case 'item-not-found':
    case 'gone':
    case 'jid-malformed':
      return fail('not-found', 'There is nobody with this address. Check the spelling.');
    case 'service-unavailable':
    case 'recipient-unavailable':
      return fail(
        'not-found',
        'This message could not be delivered: the address does not exist, or does not take messages from you.',
      );
    case 'remote-server-not-found':
    case 'remote-server-timeout':
      return fail('unreachable', 'Their server cannot be reached. Check the address, or try again later.');
    case 'not-acceptable':
      return error.type === 'modify'
        ? fail('too-large', 'The server did not take this message. Make it shorter and send it again.')
        : fail('blocked', 'You have blocked this person. Unblock them to write to them.');
    case 'forbidden':
    case 'not-allowed':
    case 'not-authorized':
    case 'subscription-required':
    case 'registration-required':
    case 'policy-violation':
      return error.type === 'wait'
        ? fail('throttled', 'That was too much at once. Wait a moment and send it again.')
        : fail('not-allowed', 'You are not allowed to write to this person.');
    case 'resource-constraint':
      return error.type === 'wait'
        ? fail('throttled', 'The server is busy. Wait a moment and send it again.')
        : fail('full', 'There is no room left for this message. Try again later.');
    case 'internal-server-error':
      return fail('server', 'The server had a problem. Try again in a moment.');
    default:
      return fail('unknown', 'This message could not be sent. Try again.');
  }
}

/** A file that the server gave no place, or that went wrong otherwise. */
export function uploadFailure(error: unknown): Failure {
  if (!(error instanceof StanzaError)) return fail('unknown', 'This file could not be sent. Try again.');
  if (error.app === 'file-too-large') return fail('too-large', 'This file is larger than the server takes.');
  switch (error.condition) {
    case 'not-acceptable':
      return fail('not-allowed', 'The server does not take files of this kind or size.');
    case 'resource-constraint':
      return error.type === 'wait' || error.app === 'retry'
        ? fail('throttled', 'You have sent much in a short time. Wait a while and try again.')
        : fail('full', 'There is no room left for your files on the server.');
    case 'policy-violation':
      return fail('throttled', 'You have sent much in a short time. Wait a while and try again.');
    case 'forbidden':
    case 'not-allowed':
    case 'not-authorized':
    case 'service-unavailable':
      return fail('not-allowed', 'The server does not let you send files.');
    default:
      return fail('server', 'The server had a problem. Try again in a moment.');
  }
}

/** Something else that was asked of the server. */
export function requestFailure(error: unknown): Failure {
  if (error instanceof DisconnectedError) return OFFLINE;
  if (error instanceof TimeoutError) return fail('server', 'The server did not answer in time. Try again.');
  if (error instanceof AuthError || error instanceof StreamError) return connectFailure(error);
  if (!(error instanceof StanzaError)) return fail('unknown', 'Something went wrong. Try again.');
  switch (error.condition) {
    case 'item-not-found':
    case 'jid-malformed':
      return fail('not-found', 'There is nobody with this address. Check the spelling.');
    case 'remote-server-not-found':
    case 'remote-server-timeout':
      return fail('unreachable', 'Their server cannot be reached. Check the address, or try again later.');
    case 'forbidden':
    case 'not-allowed':
    case 'not-authorized':
      return fail('not-allowed', 'The server does not allow this.');
    case 'resource-constraint':
      return fail(
        error.type === 'wait' ? 'throttled' : 'full',
        error.type === 'wait'
          ? 'That was too often. Wait a moment and try again.'
          : 'There is no room for more. Remove something first.',
      );
    case 'policy-violation':
      return fail('throttled', 'That was too often. Wait a moment and try again.');
    case 'service-unavailable':
    case 'feature-not-implemented':
      return fail('not-allowed', 'This server cannot do that.');
    default:
      return fail('server', 'The server had a problem. Try again in a moment.');
  }
}

export function registerFailure(error: unknown): Failure {
  if (error instanceof StanzaError) {
    switch (error.condition) {
      case 'conflict':
        return fail('conflict', 'This name is taken. Choose another one.');
      case 'not-acceptable':
      case 'jid-malformed':
      case 'bad-request':
        return fail(
          'not-allowed',
          'The server does not accept this name or password. Choose another name, or a longer password.',
        );
      case 'resource-constraint':
      case 'policy-violation':
        return fail('throttled', 'Too many accounts were made from here. Wait a while and try again.');
      default:
        return fail(
          'not-allowed',
          'This server does not let people create accounts themselves. Ask the person who runs it.',
        );
    }
  }
  if (error instanceof ProtocolError)
    return fail('not-allowed', 'This server does not let people create accounts here. Ask the person who runs it.');
  return connectFailure(error);
}

/** Signing in, or staying signed in, failed. */
export function connectFailure(error: unknown): Failure {
  if (error instanceof AuthError) {
    switch (error.condition) {
      case 'temporary-auth-failure':
        return fail(
          'throttled',
          'The server does not take sign-ins right now, perhaps after too many attempts. Wait a minute and try again.',
        );
      case 'account-disabled':
        return fail('not-allowed', 'This account is switched off. Ask the person who runs the server.');
      case 'insecure-page':
        return fail(
          'not-allowed',
          'This page was opened without encryption, so signing in is not possible. Open it with https:// in front.',
        );
      case 'encryption-required':
        return fail('not-allowed', 'The server wants an encrypted connection. Open this page with https:// in front.');
      case 'no-mechanism':
      case 'second-step':
        return fail('not-allowed', 'This server wants people to sign in in a way that this app does not know.');
      case 'bad-server':
        return fail(
          'server',
          'The server could not prove who it is. Do not type your password again; ask the person who runs it.',
        );
      case 'credentials-expired':
        return fail('refused', 'This device was signed out from another one. Sign in again to use it.');
      case 'keys-stale':
        return fail('refused', 'The password of this account was changed. Sign in again with the new one.');
      default:
        return fail('refused', 'The name or the password is wrong. Check both and try again.');
    }
  }
  if (error instanceof StreamError) {
    switch (error.condition) {
      case 'conflict':
        return fail(
          'conflict',
          'This account was opened elsewhere in the place of this one. Connect again to use it here.',
        );
      case 'host-unknown':
      case 'host-gone':
        return fail('not-found', 'This server does not know that address. Check what stands after the @.');
      case 'policy-violation':
      case 'resource-constraint':
        return fail('throttled', 'The server is busy. Wait a minute and try again.');
      default:
        return fail('server', 'The server ended the connection. Try again in a moment.');
    }
  }
  if (error instanceof TimeoutError)
    return fail('offline', 'The server does not answer. Check your connection and try again.');
  if (error instanceof ProtocolError)
    return fail('server', 'This is not a server that this app understands. Check the address.');
  return fail('offline', 'The server cannot be reached. Check your connection and try again.');
}
