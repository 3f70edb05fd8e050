/* ping.c: XMPP Ping (XEP-0199) to the server and to accounts; ours to clients are in im/iq.c. */
#include "im/feature.h"
#include "im/iq.h"
#include "xmpp/ns.h"

static void on_ping(struct walk *walk) {
    iq_answer(walk, NULL);
}

static const struct str ping_disco[] = {STR_INIT("urn:xmpp:ping"), {NULL, 0}};

static const struct iq_handler ping_iq[] = {
    {IQ_GET, TO(SELF) | TO(SERVER), STR_INIT("urn:xmpp:ping"), STR_INIT("ping"), on_ping},
    {0, 0, {NULL, 0}, {NULL, 0}, NULL},
};

const struct feature feature_ping = {
    .name = "ping",
    .spec = "XEP-0199",
    .version = "2.0.1",
    .text = "Answers pings to the server; pings silent clients.",
    .disco = ping_disco,
    .iq = ping_iq,
};
