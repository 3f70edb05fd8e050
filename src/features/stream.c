/*
 * stream.c: what is done before and beside stanzas, for the record: the work is in front/gate.c, im/stream.c, im/bind.c and im/sm.c. Here is only
 * the table, and the old session request (RFC 3921), which some clients still send.
 */
#include "im/feature.h"
#include "im/iq.h"
#include "xmpp/ns.h"

static void on_session(struct walk *walk) {
    iq_answer(walk, NULL);
}

static const struct iq_handler stream_iq[] = {
    {IQ_SET, TO(SELF) | TO(SERVER), STR_INIT("urn:ietf:params:xml:ns:xmpp-session"), STR_INIT("session"), on_session},
    {0, 0, {NULL, 0}, {NULL, 0}, NULL},
};

const struct feature feature_stream = {
    .name = "stream",
    .spec = "RFC 6120, RFC 7395, XEP-0388, XEP-0386, XEP-0480, XEP-0198, XEP-0368, XEP-0156, XEP-0478",
    .version = "1.0.4, 1.1.0, 0.2.0, 1.6.3, 1.1.0, 1.4.0, 0.2.0",
    .text = "Streams over TCP, TLS and WebSocket; SASL2 with its upgrade tasks, Bind 2, SASL and bind of RFC 6120; "
            "stream management with resumption.",
    .iq = stream_iq,
};
