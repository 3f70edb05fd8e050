/*
 * muc.c: multi-user chat (XEP-0045) at groups.DOMAIN: the table of the feature, and the way of a stanza to its room. What is for a room is not the
 * business of an account: it goes to the room's home as it is, and its sender's session hears of a message's fate when the room has decided.
 */
#include "features/muc/room.h"
#include "im/feature.h"
#include "im/iq.h"
#include "im/presence.h"
#include "im/router.h"
#include "im/session.h"
#include "xmpp/ns.h"

enum { SEATS_PER_STANZA = 64 /* so many copies cost as much as one more stanza */ };

/* The room decides before its sender may take it for handled; and who speaks to a crowd pays for it. */
static enum verdict on_out(struct walk *walk) {
    walk->kept = walk->stanza.kind == STANZA_MESSAGE && walk->stanza.type != MESSAGE_ERROR;
    uint32_t seats = seats_count(walk->im, jid_bare_str(walk->stanza.to));
    uint32_t all = seats * walk->turn->shard->hub->shard_count; /* about: other shards have as many */
    bool is_for_all = walk->stanza.kind == STANZA_PRESENCE || walk->stanza.type == MESSAGE_GROUPCHAT;
    const struct xml_node *x = walk->kept ? xml_child(walk->stanza.el, NS_MUC_USER, STR("x")) : NULL,
                          *invite = x ? xml_child(x, NS_MUC_USER, STR("invite")) : NULL;
    for (; invite && walk->session->stream; invite = xml_again(invite)) stream_charge(walk->session->stream, 1);
    if (is_for_all && walk->session->stream) stream_charge(walk->session->stream, all / SEATS_PER_STANZA);
    return PASS;
}

/* Nobody has sent it to a room that is not there. */
static void nobody(struct walk *walk) {
    if (walk->stanza.kind == STANZA_PRESENCE && walk->stanza.type != PRESENCE_AVAILABLE) return;
    router_refuse(walk, STANZA_ERR_ITEM_NOT_FOUND, STR("There is no such room."));
    router_decided(walk->turn, &walk->origin, walk->stanza.from, 0, FATE_REFUSED);
}

void room_take(struct walk *walk, struct room *r) {
    bool comes = walk->stanza.kind == STANZA_PRESENCE && walk->stanza.type == PRESENCE_AVAILABLE;
    if (r->failed) {
        if (walk->stanza.kind != STANZA_PRESENCE || comes)
            router_refuse(walk, STANZA_ERR_RESOURCE_CONSTRAINT, STR("Try again later."));
        router_decided(walk->turn, &walk->origin, walk->stanza.from, 0, FATE_REFUSED);
    } else if (walk->stanza.kind == STANZA_IQ) {
        iq_on(walk, r);
    } else if (!room_exists(r) && !comes) {
        nobody(walk);
    } else if (walk->stanza.kind == STANZA_PRESENCE) {
        presence_on(walk, r);
    } else {
        message_on(walk, r);
    }
}

static enum verdict on_in(struct walk *walk) {
    if (walk->stanza.to.local_len == 0) {
        if (walk->stanza.kind == STANZA_IQ)
            service_iq_on(walk);
        else if (walk->stanza.kind == STANZA_MESSAGE)
            nobody(walk);
        return DONE;
    }
    struct room *r = room_need(walk);
    if (!r || room_is_busy(r, walk)) return WAIT;
    room_take(walk, r);
    room_settle(walk->turn, r);
    return DONE;
}

static const struct hook muc_hooks[] = {
    {OUT, STANZA_MESSAGE, TO(ROOM), STAGE_STAMP, on_out, "muc-out"},
    {OUT, STANZA_PRESENCE, TO(ROOM), STAGE_STAMP, on_out, "muc-out"},
    {IN, STANZA_IQ, TO(ACCOUNT), STAGE_CHECK, belonging_arrived, "muc-group"},
    {IN, STANZA_MESSAGE, TO(ROOM), STAGE_DELIVER, on_in, "muc"},
    {IN, STANZA_PRESENCE, TO(ROOM), STAGE_DELIVER, on_in, "muc"},
    {IN, STANZA_IQ, TO(ROOM), STAGE_DELIVER, on_in, "muc"},
    {0, 0, 0, 0, NULL, NULL},
};

const struct feature feature_muc = {
    .name = "muc",
    .spec = "XEP-0045, XEP-0410, XEP-0421, XEP-0249",
    .version = "1.35.5, 1.1.0, 1.0.1, 1.2",
    .text = "Rooms at groups.DOMAIN: roles, affiliations, settings, invitations, reserved nicks, private messages; "
            "what is said is "
            "kept before it is shown, in one order for all.",
    .hooks = muc_hooks,
    .stop = rooms_stop,
};
