/*
 * blocking.c: Blocking Command (XEP-0191). First in every chain, so that what is blocked is neither archived nor answered as anything but
 * "nobody there". Never between one's own sessions.
 */
#include "base/fault.h"
#include "im/change.h"
#include "im/feature.h"
#include "im/iq.h"
#include "im/presence.h"
#include "im/router.h"
#include "im/session.h"
#include "store/roster.h"
#include "xmpp/ns.h"

/* --- the walls --- */

static enum verdict check_out(struct walk *walk) {
    const struct stanza *s = &walk->stanza;
    if (!jid_some(s->to) || !account_blocks(walk->account, s->to)) return PASS;
    if (s->kind == STANZA_PRESENCE || stanza_is_answer(s)) {
        /* Taking leave of somebody blocked is allowed; they were told already. */
        if (s->kind == STANZA_PRESENCE && s->type == PRESENCE_UNAVAILABLE) return DROP;
        if (stanza_is_answer(s)) return DROP;
    }
    struct arena *arena = walk->turn->arena;
    struct xml_node *reply = stanza_error_reply(arena, s, STANZA_ERR_NOT_ACCEPTABLE, STR_NONE);
    struct xml_node *error = xml_child(reply, NS_CLIENT, STR("error"));
    if (error) {
        xml_set(arena, error, STR("type"), STR("cancel"));
        xml_add(arena, error, NS_BLOCKING_ERRORS, STR("blocked"));
    }
    router_answer(walk, reply);
    return DROP;
}

static enum verdict check_in(struct walk *walk) {
    const struct stanza *s = &walk->stanza;
    if (!account_blocks(walk->account, s->from) || fault_is(FAULT_SKIP_CHECK)) return PASS;
    if (s->kind == STANZA_PRESENCE) return DROP;
    return router_refuse(walk, STANZA_ERR_SERVICE_UNAVAILABLE, STR_NONE);
}

/* --- the list --- */

static void on_get(struct walk *walk) {
    struct arena *arena = walk->turn->arena;
    if (walk->session->stream) stream_charge(walk->session->stream, map_count(&walk->account->blocked) / 16);
    struct xml_node *list = xml_new(arena, NS_BLOCKING, STR("blocklist"));
    size_t at = 0;
    for (const struct blocked *b; (b = map_next(&walk->account->blocked, &at));) {
        xml_set(arena, xml_add(arena, list, STR_NONE, STR("item")), STR("jid"), str_of(b->jid, b->len));
    }
    walk->session->blocklist = true;
    iq_answer(walk, list);
}

struct block_set {
    bool block;
    struct str *jids;
    uint32_t count;    /* 0: unblock all */
    struct str *fresh; /* those that really changed */
    uint32_t fresh_count;
};

static enum stanza_error read_items(const struct walk *walk, struct change *c, struct block_set *out) {
    uint32_t count = 0;
    for (const struct xml_node *i = xml_child(walk->stanza.payload, NS_BLOCKING, STR("item")); i; i = xml_again(i))
        count++;
    out->jids = arena_alloc(c->arena, (count + 1) * sizeof *out->jids);
    for (const struct xml_node *i = xml_child(walk->stanza.payload, NS_BLOCKING, STR("item")); i; i = xml_again(i)) {
        struct jid jid;
        struct str text = xml_attr(i, STR("jid"));
        if (!text.p || jid_parse(c->arena, arena_dup(c->arena, text), &jid)) return STANZA_ERR_JID_MALFORMED;
        out->jids[out->count++] = jid_str(jid);
    }
    return out->count == 0 && out->block ? STANZA_ERR_BAD_REQUEST : STANZA_ERR_NONE;
}

/* Who may see us sees us leave, or come back. Whom we see has changed unseen while it was blocked: it is asked. */
static void tell_contact(struct turn *turn, struct account *a, const struct contact *contact, struct jid jid,
                         bool block) {
    if (!contact) return;
    if (block) {
        if (contact->flags & ROSTER_FROM) presence_hide(turn, a, jid);
        return;
    }
    if (contact->flags & ROSTER_FROM) presence_show(turn, a, jid);
    if (contact->flags & ROSTER_TO) presence_ask_one(turn, a, jid);
}

/* To all whom these addresses cover. Domains are looked up for each contact: one pass, however many there are. */
static void tell_contacts(struct turn *turn, struct account *a, const struct block_set *set, bool block) {
    struct map domains = MAP_INIT;
    for (uint32_t i = 0; i < set->fresh_count; i++) {
        struct jid jid = jid_trusted(set->fresh[i]);
        if (jid.local_len) {
            tell_contact(turn, a, account_contact(a, jid_bare_str(jid)), jid, block);
        } else if (jid_is_bare(jid)) {
            map_put(&domains, set->fresh[i], a);
        }
    }
    for (uint32_t i = 0; map_count(&domains) && i < a->contacts.count; i++) {
        const struct contact *contact = a->contacts.items[i];
        struct jid jid = jid_trusted(contact_jid(contact));
        if (map_get(&domains, jid_domain(jid))) tell_contact(turn, a, contact, jid, block);
    }
    map_free(&domains);
}

static void decide(struct turn *turn, struct account *a, struct change *c) {
    struct block_set *set = c->data;
    if (set->block && map_count(&a->blocked) + set->count > (uint32_t)a->im->server->options.blocked_items) {
        iq_later_refuse(turn, &c->later, STANZA_ERR_RESOURCE_CONSTRAINT, STR("Too many blocked addresses."));
        return;
    }
    if (!set->block && set->count == 0) {
        size_t at = 0;
        set->fresh = arena_alloc(c->arena, (map_count(&a->blocked) + 1) * sizeof *set->fresh);
        for (const struct blocked *b; (b = map_next(&a->blocked, &at));) {
            set->fresh[set->fresh_count++] = arena_dup(c->arena, str_of(b->jid, b->len));
        }
        if (set->fresh_count) change_unblock(c, STR_NONE);
        return;
    }
    set->fresh = arena_alloc(c->arena, (set->count + 1) * sizeof *set->fresh);
    for (uint32_t i = 0; i < set->count; i++) {
        bool is_there = map_get(&a->blocked, set->jids[i]) != NULL;
        if (is_there == set->block) continue;
        set->fresh[set->fresh_count++] = set->jids[i];
        if (set->block) {
            change_block(c, set->jids[i]);
        } else {
            change_unblock(c, set->jids[i]);
        }
    }
    if (set->block) tell_contacts(turn, a, set, true); /* while they are not yet blocked */
}

static void push(struct turn *turn, struct account *a, const struct block_set *set) {
    struct arena *arena = turn->arena;
    struct xml_node *iq = xml_new(arena, NS_CLIENT, STR("iq"));
    char id[23];
    random_id(id);
    xml_set(arena, iq, STR("type"), STR("set"));
    xml_set(arena, iq, STR("id"), str_c(id));
    xml_set(arena, iq, STR("from"), account_bare(a));
    struct xml_node *el = xml_add(arena, iq, NS_BLOCKING, set->block ? STR("block") : STR("unblock"));
    for (uint32_t i = 0; i < set->count; i++) {
        xml_set(arena, xml_add(arena, el, STR_NONE, STR("item")), STR("jid"), set->jids[i]);
    }
    struct wire *wire = wire_from(iq);
    LIST_EACH (&a->sessions, at, after) {
        struct session *s = CONTAINER_OF(at, struct session, in_account);
        if (s->blocklist) session_send(turn, s, wire, 0);
    }
    wire_unref(&wire);
}

static void finish(struct turn *turn, struct account *a, struct change *c, int err) {
    const struct block_set *set = c->data;
    if (!c->later) return;
    if (err) {
        iq_later_failed(turn, &c->later, err);
    } else {
        iq_later_answer(turn, &c->later, NULL);
        push(turn, a, set);
        if (set->block) presence_take_back_blocked(turn, a);
    }
    if (set->block == (err != 0)) tell_contacts(turn, a, set, false); /* they see us (again) */
}

static void on_set(struct walk *walk) {
    struct change *c = change_new(decide, finish);
    struct block_set *set = ARENA_NEW(c->arena, struct block_set);
    set->block = str_eq(walk->stanza.payload->name, STR("block"));
    c->data = set;
    enum stanza_error error = read_items(walk, c, set);
    if (error) {
        change_drop(&c);
        iq_refuse(walk, error, STR_NONE);
        return;
    }
    c->later = iq_defer(walk);
    change_start(walk->turn, walk->account, c);
}

static const struct str blocking_disco[] = {STR_INIT("urn:xmpp:blocking"), {NULL, 0}};

static const struct iq_handler blocking_iq[] = {
    {IQ_GET, TO(SELF) | TO(SERVER), STR_INIT("urn:xmpp:blocking"), STR_INIT("blocklist"), on_get},
    {IQ_SET, TO(SELF) | TO(SERVER), STR_INIT("urn:xmpp:blocking"), STR_INIT("block"), on_set},
    {IQ_SET, TO(SELF) | TO(SERVER), STR_INIT("urn:xmpp:blocking"), STR_INIT("unblock"), on_set},
    {0, 0, {NULL, 0}, {NULL, 0}, NULL},
};

#define ANYBODY (TO(SELF) | TO(ACCOUNT) | TO(FULL) | TO(ROOM) | TO(REMOTE))

static const struct hook blocking_hooks[] = {
    {OUT, STANZA_MESSAGE, ANYBODY, STAGE_CHECK, check_out, "blocking-out"},
    {OUT, STANZA_PRESENCE, ANYBODY, STAGE_CHECK, check_out, "blocking-out"},
    {OUT, STANZA_IQ, ANYBODY, STAGE_CHECK, check_out, "blocking-out"},
    {IN, STANZA_MESSAGE, ANYBODY, STAGE_CHECK, check_in, "blocking-in"},
    {IN, STANZA_PRESENCE, ANYBODY, STAGE_CHECK, check_in, "blocking-in"},
    {IN, STANZA_IQ, ANYBODY, STAGE_CHECK, check_in, "blocking-in"},
    {0, 0, 0, 0, NULL, NULL},
};

const struct feature feature_blocking = {
    .name = "blocking",
    .spec = "XEP-0191",
    .version = "1.3",
    .text = "Blocked addresses (full, bare, domain) in both directions, before the archive; pushes to all sessions.",
    .disco = blocking_disco,
    .disco_account = blocking_disco,
    .iq = blocking_iq,
    .hooks = blocking_hooks,
};
