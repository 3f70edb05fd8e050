/*
 * displayed.c: displayed synchronisation (XEP-0490). The node is publish-subscribe's (im/displayed.h); here is the server's assistance: what a client says
 * to its other devices along with a message is taken out of it, before it is archived or copied.
 */
#include "im/displayed.h"

#include "im/feature.h"
#include "im/session.h"
#include "xmpp/ns.h"

enum { ASSIST_COST = 2 };

static bool is_displayed(const struct xml_node *child, const void *arg) {
    (void)arg;
    return xml_is(child, NS_MDS, STR("displayed"));
}

static enum verdict assist(struct walk *walk) {
    const struct xml_node *displayed = xml_child(walk->stanza.el, NS_MDS, STR("displayed"));
    if (!displayed) return PASS;
    struct xml_node *rest = xml_copy_shallow(walk->turn->arena, walk->stanza.el);
    xml_remove_children(rest, is_displayed, NULL);
    walk->stanza.el = rest;
    struct jid to = walk->stanza.to;
    /* One that would be empty otherwise may not carry it. */
    bool counts = walk->stanza.type != MESSAGE_ERROR && xml_first_element(rest) && jid_some(to) && jid_is_bare(to);
    if (!counts) return PASS;
    if (walk->session->stream) stream_charge(walk->session->stream, ASSIST_COST);
    displayed_assist(walk->turn, walk->account, jid_bare_str(to), displayed);
    return PASS;
}

static const struct str displayed_disco[] = {STR_INIT("urn:xmpp:mds:server-assist:0"), {NULL, 0}};

static const struct hook displayed_hooks[] = {
    {OUT, STANZA_MESSAGE, TO(SELF) | TO(ACCOUNT) | TO(FULL), STAGE_STAMP, assist, "displayed-assist"},
    {0, 0, 0, 0, NULL, NULL},
};

const struct feature feature_displayed = {
    .name = "displayed",
    .spec = "XEP-0490",
    .version = "1.0.1",
    .text = "How far a person has read, on all devices: marks only move forward, and the inbox's move with them.",
    .disco_account = displayed_disco,
    .hooks = displayed_hooks,
};
