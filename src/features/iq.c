/*
 * iq.c: where requests between people go (RFC 6121 8.5): to a full address that very session or an error; to a bare address the server
 * answers for the account, and never says more than it would of an account that does not exist.
 */
#include "im/iq.h"

#include "im/account.h"
#include "im/deliver.h"
#include "im/feature.h"
#include "im/router.h"
#include "im/session.h"

/* By who asked and the id that they gave it. */
static uint64_t request_name(const struct walk *walk, struct jid asker) {
    uint64_t name = map_hash(ARENA_CONCAT(walk->turn->arena, jid_str(asker), STR("\n"), walk->stanza.id));
    return name ? name : 1;
}

static enum verdict on_full(struct walk *walk) {
    struct session *s = session_by_resource(walk->account, jid_resource(walk->stanza.to));
    if (!s) return router_refuse(walk, STANZA_ERR_SERVICE_UNAVAILABLE, STR_NONE);
    struct wire *wire = deliver_wire(walk);
    session_send(walk->turn, s, wire, 0);
    if (!stanza_is_answer(&walk->stanza)) sm_asked(s, request_name(walk, walk->stanza.from));
    wire_unref(&wire);
    return DONE;
}

/* Who has answered needs no error in its name when its session ends before it has acknowledged the request. */
static enum verdict on_answered(struct walk *walk) {
    if (stanza_is_answer(&walk->stanza)) sm_answered(walk->session, request_name(walk, walk->stanza.to));
    return PASS;
}

static enum verdict on_account(struct walk *walk) {
    if (stanza_is_answer(&walk->stanza)) return DROP;
    iq_dispatch(walk);
    return DONE;
}

static const struct hook iq_hooks[] = {
    {OUT, STANZA_IQ, TO(FULL), STAGE_AFTER, on_answered, "iq-answered"},
    {IN, STANZA_IQ, TO(FULL), STAGE_DELIVER, on_full, "iq-full"},
    {IN, STANZA_IQ, TO(ACCOUNT) | TO(SELF), STAGE_DELIVER, on_account, "iq-account"},
    {0, 0, 0, 0, NULL, NULL},
};

const struct feature feature_iq = {
    .name = "iq",
    .spec = "RFC 6120, RFC 6121",
    .version = "2011",
    .text = "Requests to a full address reach that session, to a bare address the server answers; each is answered "
            "exactly once.",
    .hooks = iq_hooks,
};
