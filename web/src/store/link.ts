// What may be said of a link that one sends.
export { makeLink } from '../xmpp/mod/link';
