// The namespaces, each under the name that the code uses for it.
export const NS = {
  client: 'jabber:client',
  streams: 'http://etherx.jabber.org/streams',
  streamErrors: 'urn:ietf:params:xml:ns:xmpp-streams',
  stanzaErrors: 'urn:ietf:params:xml:ns:xmpp-stanzas',
  framing: 'urn:ietf:params:xml:ns:xmpp-framing', // RFC 7395
  sasl: 'urn:ietf:params:xml:ns:xmpp-sasl', // RFC 6120
  sasl2: 'urn:xmpp:sasl:2', // XEP-0388
  saslCb: 'urn:xmpp:sasl-cb:0', // XEP-0440
  fast: 'urn:xmpp:fast:0', // XEP-0484
  saslUpgrade: 'urn:xmpp:sasl:upgrade:0', // XEP-0480
  scramUpgrade: 'urn:xmpp:scram-upgrade:0', // XEP-0480
  cam: 'urn:xmpp:cam:0', // XEP-0494
  devices: 'urn:confab:devices:0',
  bind2: 'urn:xmpp:bind:0', // XEP-0386
  bind: 'urn:ietf:params:xml:ns:xmpp-bind',
  session: 'urn:ietf:params:xml:ns:xmpp-session',
  sm: 'urn:xmpp:sm:3', // XEP-0198
  carbons: 'urn:xmpp:carbons:2', // XEP-0280
  forward: 'urn:xmpp:forward:0', // XEP-0297
  csi: 'urn:xmpp:csi:0', // XEP-0352
  ping: 'urn:xmpp:ping', // XEP-0199
  time: 'urn:xmpp:time', // XEP-0202
  roster: 'jabber:iq:roster',
  register: 'jabber:iq:register', // XEP-0077
  registerFeature: 'http://jabber.org/features/iq-register',
  version: 'jabber:iq:version', // XEP-0092
  discoInfo: 'http://jabber.org/protocol/disco#info', // XEP-0030
  caps: 'http://jabber.org/protocol/caps', // XEP-0115
  blocking: 'urn:xmpp:blocking', // XEP-0191
  blockingErrors: 'urn:xmpp:blocking:errors',
  mam: 'urn:xmpp:mam:2', // XEP-0313
  rsm: 'http://jabber.org/protocol/rsm', // XEP-0059
  data: 'jabber:x:data', // XEP-0004
  delay: 'urn:xmpp:delay', // XEP-0203
  sid: 'urn:xmpp:sid:0', // XEP-0359
  pubsub: 'http://jabber.org/protocol/pubsub', // XEP-0060
  pubsubOwner: 'http://jabber.org/protocol/pubsub#owner',
  pubsubEvent: 'http://jabber.org/protocol/pubsub#event',
  notify: 'urn:xmpp:notification-settings:1', // XEP-0492
  chats: 'urn:confab:chats:0', // ours: decision 016
  choices: 'urn:confab:choices:0', // ours: decision 016
  drafts: 'urn:confab:drafts:0', // ours: decision 016
  pins: 'urn:confab:pins:0', // ours: pinned messages
  hidden: 'urn:confab:hidden:0', // ours: what was deleted for oneself
  mds: 'urn:xmpp:mds:displayed:0', // XEP-0490
  receipts: 'urn:xmpp:receipts', // XEP-0184
  markers: 'urn:xmpp:chat-markers:0', // XEP-0333
  chatStates: 'http://jabber.org/protocol/chatstates', // XEP-0085
  hints: 'urn:xmpp:hints', // XEP-0334
  nick: 'http://jabber.org/protocol/nick', // XEP-0172
  avatarData: 'urn:xmpp:avatar:data', // XEP-0084
  avatarMetadata: 'urn:xmpp:avatar:metadata',
  vcard: 'vcard-temp', // XEP-0054
  vcardUpdate: 'vcard-temp:x:update', // XEP-0153
  vcard4: 'urn:ietf:params:xml:ns:vcard-4.0', // RFC 6351
  vcard4Node: 'urn:xmpp:vcard4', // XEP-0292
  eme: 'urn:xmpp:eme:0', // XEP-0380
  discoItems: 'http://jabber.org/protocol/disco#items',
  upload: 'urn:xmpp:http:upload:0', // XEP-0363
  uploadPurpose: 'urn:xmpp:http:upload:purpose:0',
  sfs: 'urn:xmpp:sfs:0', // XEP-0447
  fileMeta: 'urn:xmpp:file:metadata:0', // XEP-0446
  urlData: 'http://jabber.org/protocol/url-data', // XEP-0103
  hashes: 'urn:xmpp:hashes:2', // XEP-0300
  thumbs: 'urn:xmpp:thumbs:1', // XEP-0264
  oob: 'jabber:x:oob', // XEP-0066
  fallback: 'urn:xmpp:fallback:0', // XEP-0428
  correct: 'urn:xmpp:message-correct:0', // XEP-0308
  retract: 'urn:xmpp:message-retract:1', // XEP-0424
  retract0: 'urn:xmpp:message-retract:0', // its version 0.3, as some programs still have it
  fasten: 'urn:xmpp:fasten:0', // XEP-0422
  moderate: 'urn:xmpp:message-moderate:1', // XEP-0425
  reactions: 'urn:xmpp:reactions:0', // XEP-0444
  reply: 'urn:xmpp:reply:0', // XEP-0461
  styling: 'urn:xmpp:styling:0', // XEP-0393
  rdf: 'http://www.w3.org/1999/02/22-rdf-syntax-ns#', // XEP-0511
  og: 'https://ogp.me/ns#',
  fulltext: 'urn:xmpp:fulltext:0', // XEP-0431
  inbox: 'urn:confab:inbox:0', // ours: decision 007
  export: 'urn:confab:export:0', // ours: decision 015
  wave: 'urn:confab:wave:0', // ours: the shape of a voice message
  omemoLegacy: 'eu.siacs.conversations.axolotl',
  omemo2: 'urn:xmpp:omemo:2',
  openpgp: 'urn:xmpp:openpgp:0',
  muc: 'http://jabber.org/protocol/muc',
  mucUser: 'http://jabber.org/protocol/muc#user',
} as const;
