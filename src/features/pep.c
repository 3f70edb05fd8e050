/*
 * pep.c: publish-subscribe on accounts (XEP-0163, by XEP-0060): which requests there are. What they do is the service's (im/pubsub.h). A request to an
 * account that does not exist is answered as by one that has no node.
 */
#include "im/caps.h"
#include "im/feature.h"
#include "im/iq.h"
#include "im/lasts.h"
#include "im/pubsub.h"
#include "im/router.h"
#include "im/session.h"
#include "xmpp/ns.h"

static void on_request(struct walk *walk) {
    struct arena *arena = walk->turn->arena;
    const struct stanza *s = &walk->stanza;
    const struct xml_node *el = pubsub_action(s->payload);
    const struct pubsub_op *op = el ? pubsub_op_of(s->type, el) : NULL;
    if (op) {
        pubsub_submit(walk, op);
        return;
    }
    struct xml_node *reply =
        stanza_error_reply(arena, s, el ? STANZA_ERR_FEATURE_NOT_IMPLEMENTED : STANZA_ERR_BAD_REQUEST, STR_NONE);
    struct xml_node *error = xml_child(reply, NS_CLIENT, STR("error"));
    if (el) {
        struct xml_node *unsupported = xml_add(arena, error, NS_PUBSUB_ERRORS, STR("unsupported"));
        xml_set(arena, unsupported, STR("feature"), el->name);
    }
    router_answer(walk, reply);
}

/* To the owner alone: refused before anything is looked up, of nobody as of anybody. */
static void on_others_owner_request(struct walk *walk) {
    iq_refuse(walk, STANZA_ERR_FORBIDDEN, STR_NONE);
}

static bool forbids(const struct stanza *request) {
    return xml_is(request->payload, NS_PUBSUB_OWNER, STR("pubsub"));
}

static bool hides(const struct stanza *request) {
    return xml_is(request->payload, NS_PUBSUB, STR("pubsub"));
}

static const struct str pep_disco[] = {
    STR_INIT("http://jabber.org/protocol/pubsub"),
    STR_INIT("http://jabber.org/protocol/pubsub#access-authorize"),
    STR_INIT("http://jabber.org/protocol/pubsub#access-open"),
    STR_INIT("http://jabber.org/protocol/pubsub#access-presence"),
    STR_INIT("http://jabber.org/protocol/pubsub#access-roster"),
    STR_INIT("http://jabber.org/protocol/pubsub#access-whitelist"),
    STR_INIT("http://jabber.org/protocol/pubsub#auto-create"),
    STR_INIT("http://jabber.org/protocol/pubsub#auto-subscribe"),
    STR_INIT("http://jabber.org/protocol/pubsub#config-node"),
    STR_INIT("http://jabber.org/protocol/pubsub#config-node-max"),
    STR_INIT("http://jabber.org/protocol/pubsub#create-and-configure"),
    STR_INIT("http://jabber.org/protocol/pubsub#create-nodes"),
    STR_INIT("http://jabber.org/protocol/pubsub#delete-items"),
    STR_INIT("http://jabber.org/protocol/pubsub#delete-nodes"),
    STR_INIT("http://jabber.org/protocol/pubsub#filtered-notifications"),
    STR_INIT("http://jabber.org/protocol/pubsub#item-ids"),
    STR_INIT("http://jabber.org/protocol/pubsub#last-published"),
    STR_INIT("http://jabber.org/protocol/pubsub#manage-subscriptions"),
    STR_INIT("http://jabber.org/protocol/pubsub#member-affiliation"),
    STR_INIT("http://jabber.org/protocol/pubsub#meta-data"),
    STR_INIT("http://jabber.org/protocol/pubsub#modify-affiliations"),
    STR_INIT("http://jabber.org/protocol/pubsub#multi-items"),
    STR_INIT("http://jabber.org/protocol/pubsub#outcast-affiliation"),
    STR_INIT("http://jabber.org/protocol/pubsub#persistent-items"),
    STR_INIT("http://jabber.org/protocol/pubsub#presence-notifications"),
    STR_INIT("http://jabber.org/protocol/pubsub#presence-subscribe"),
    STR_INIT("http://jabber.org/protocol/pubsub#publish"),
    STR_INIT("http://jabber.org/protocol/pubsub#publish-only-affiliation"),
    STR_INIT("http://jabber.org/protocol/pubsub#publish-options"),
    STR_INIT("http://jabber.org/protocol/pubsub#publisher-affiliation"),
    STR_INIT("http://jabber.org/protocol/pubsub#purge-nodes"),
    STR_INIT("http://jabber.org/protocol/pubsub#retract-items"),
    STR_INIT("http://jabber.org/protocol/pubsub#retrieve-affiliations"),
    STR_INIT("http://jabber.org/protocol/pubsub#retrieve-default"),
    STR_INIT("http://jabber.org/protocol/pubsub#retrieve-items"),
    STR_INIT("http://jabber.org/protocol/pubsub#retrieve-subscriptions"),
    STR_INIT("http://jabber.org/protocol/pubsub#rsm"),
    STR_INIT("http://jabber.org/protocol/pubsub#subscribe"),
    STR_INIT("urn:xmpp:bookmarks:1#compat"),
    {NULL, 0},
};

static const struct iq_handler pep_iq[] = {
    {IQ_GET, TO(SELF) | TO(ACCOUNT), STR_INIT("http://jabber.org/protocol/pubsub"), STR_INIT("pubsub"), on_request},
    {IQ_SET, TO(SELF) | TO(ACCOUNT), STR_INIT("http://jabber.org/protocol/pubsub"), STR_INIT("pubsub"), on_request},
    {IQ_GET, TO(SELF), STR_INIT("http://jabber.org/protocol/pubsub#owner"), STR_INIT("pubsub"), on_request},
    {IQ_SET, TO(SELF), STR_INIT("http://jabber.org/protocol/pubsub#owner"), STR_INIT("pubsub"), on_request},
    {IQ_GET, TO(ACCOUNT), STR_INIT("http://jabber.org/protocol/pubsub#owner"), STR_INIT("pubsub"),
     on_others_owner_request},
    {IQ_SET, TO(ACCOUNT), STR_INIT("http://jabber.org/protocol/pubsub#owner"), STR_INIT("pubsub"),
     on_others_owner_request},
    {0, 0, {NULL, 0}, {NULL, 0}, NULL},
};

const struct feature feature_pep = {
    .name = "pep",
    .spec = "XEP-0163, XEP-0060, XEP-0115, XEP-0222, XEP-0223, XEP-0402",
    .version = "1.2.2, 1.30.0, 1.6.0, 1.0.1, 1.1.1, 1.2.0",
    .text =
        "Publish-subscribe on every account (decisions/012-pep.md): all access models, preconditions, pages; OMEMO's "
        "nodes are open by default, what one's own programs share is private.",
    .disco_account = pep_disco,
    .iq = pep_iq,
    .forbids = forbids,
    .hides = hides,
    .session_resumed = lasts_resume,
    .session_ended = caps_forget,
};
