/* ns.h: the namespaces that we speak, by the names that the RFCs and XEPs give their protocols. */
#ifndef CONFAB_XMPP_NS_H
#define CONFAB_XMPP_NS_H

#include "base/str.h"

#define NS_CLIENT STR("jabber:client")
#define NS_STREAM STR("http://etherx.jabber.org/streams")
#define NS_STREAM_ERRORS STR("urn:ietf:params:xml:ns:xmpp-streams")
#define NS_STANZA_ERRORS STR("urn:ietf:params:xml:ns:xmpp-stanzas")
#define NS_TLS STR("urn:ietf:params:xml:ns:xmpp-tls")
#define NS_SASL STR("urn:ietf:params:xml:ns:xmpp-sasl")
#define NS_BIND STR("urn:ietf:params:xml:ns:xmpp-bind")
#define NS_SESSION STR("urn:ietf:params:xml:ns:xmpp-session")
#define NS_FRAMING STR("urn:ietf:params:xml:ns:xmpp-framing") /* RFC 7395 */
#define NS_PRE_APPROVAL STR("urn:xmpp:features:pre-approval")
#define NS_ROSTER STR("jabber:iq:roster")
#define NS_ROSTER_VER STR("urn:xmpp:features:rosterver")
#define NS_SASL2 STR("urn:xmpp:sasl:2")                  /* XEP-0388 */
#define NS_FAST STR("urn:xmpp:fast:0")                   /* XEP-0484 */
#define NS_SASL_UPGRADE STR("urn:xmpp:sasl:upgrade:0")   /* XEP-0480 */
#define NS_SCRAM_UPGRADE STR("urn:xmpp:scram-upgrade:0") /* XEP-0480 */
#define NS_CAM STR("urn:xmpp:cam:0")                     /* XEP-0494 */
#define NS_SASL_CB STR("urn:xmpp:sasl-cb:0")             /* XEP-0440 */
#define NS_BIND2 STR("urn:xmpp:bind:0")                  /* XEP-0386 */
#define NS_SM STR("urn:xmpp:sm:3")                       /* XEP-0198 */
#define NS_LIMITS STR("urn:xmpp:stream-limits:0")        /* XEP-0478 */
#define NS_DISCO_INFO STR("http://jabber.org/protocol/disco#info")
#define NS_DISCO_ITEMS STR("http://jabber.org/protocol/disco#items")
#define NS_DATA STR("jabber:x:data") /* XEP-0004 */
#define NS_VALIDATE STR("http://jabber.org/protocol/xdata-validate")
#define NS_RSM STR("http://jabber.org/protocol/rsm")
#define NS_REGISTER STR("jabber:iq:register")
#define NS_REGISTER_FEATURE STR("http://jabber.org/features/iq-register")
#define NS_VERSION STR("jabber:iq:version")
#define NS_LAST STR("jabber:iq:last")                      /* XEP-0012 */
#define NS_PUBSUB STR("http://jabber.org/protocol/pubsub") /* XEP-0060 */
#define NS_PUBSUB_OWNER STR("http://jabber.org/protocol/pubsub#owner")
#define NS_PUBSUB_ERRORS STR("http://jabber.org/protocol/pubsub#errors")
#define NS_PUBSUB_EVENT STR("http://jabber.org/protocol/pubsub#event")
#define NS_PRIVATE STR("jabber:iq:private")        /* XEP-0049 */
#define NS_VCARD STR("vcard-temp")                 /* XEP-0054 */
#define NS_VCARD_UPDATE STR("vcard-temp:x:update") /* XEP-0153 */
#define NS_TIME STR("urn:xmpp:time")               /* XEP-0202 */
#define NS_CAPS STR("http://jabber.org/protocol/caps")
#define NS_CHATSTATES STR("http://jabber.org/protocol/chatstates")
#define NS_RECEIPTS STR("urn:xmpp:receipts")
#define NS_MARKERS STR("urn:xmpp:chat-markers:0")
#define NS_BLOCKING STR("urn:xmpp:blocking")
#define NS_BLOCKING_ERRORS STR("urn:xmpp:blocking:errors")
#define NS_PING STR("urn:xmpp:ping")
#define NS_DELAY STR("urn:xmpp:delay")
#define NS_FORWARD STR("urn:xmpp:forward:0")
#define NS_CSI STR("urn:xmpp:csi:0")
#define NS_CARBONS STR("urn:xmpp:carbons:2")
#define NS_MAM STR("urn:xmpp:mam:2")
#define NS_INBOX STR("urn:confab:inbox:0")   /* docs/decisions/007-inbox.md */
#define NS_EXPORT STR("urn:confab:export:0") /* docs/decisions/015-export.md */
#define NS_SID STR("urn:xmpp:sid:0")
#define NS_MDS STR("urn:xmpp:mds:displayed:0") /* XEP-0490; its node has the same name */
#define NS_RETRACT STR("urn:xmpp:message-retract:1")
#define NS_CORRECT STR("urn:xmpp:message-correct:0")
#define NS_HINTS STR("urn:xmpp:hints")
#define NS_SERVER_INFO STR("http://jabber.org/network/serverinfo")
#define NS_UPLOAD STR("urn:xmpp:http:upload:0") /* XEP-0363 */
#define NS_UPLOAD_PURPOSE STR("urn:xmpp:http:upload:purpose:0")
#define NS_MUC STR("http://jabber.org/protocol/muc")
#define NS_MUC_USER STR("http://jabber.org/protocol/muc#user")
#define NS_MUC_ADMIN STR("http://jabber.org/protocol/muc#admin")
#define NS_MUC_OWNER STR("http://jabber.org/protocol/muc#owner")
#define NS_CONFERENCE STR("jabber:x:conference")     /* XEP-0249 */
#define NS_ROOMS STR("urn:confab:rooms:0")           /* docs/decisions/019-groups.md */
#define NS_OCCUPANT_ID STR("urn:xmpp:occupant-id:0") /* XEP-0421 */

#endif
