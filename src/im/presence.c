/*
 * presence.c: availability, on the home of the account that it is about. A presence is serialised once and fans out as one message
 * per shard. What must hold: whoever was told that a session is available is told when it is not any more, however it ends.
 */
#include "im/presence.h"

#include <stdlib.h>

#include "base/check.h"
#include "im/caps.h"
#include "im/deliver.h"
#include "im/lasts.h"
#include "im/router.h"
#include "im/session.h"
#include "store/roster.h"
#include "xmpp/ns.h"

static struct xml_node *presence_node(struct turn *turn, struct str type, struct str from) {
    struct xml_node *el = xml_new(turn->arena, NS_CLIENT, STR("presence"));
    xml_set(turn->arena, el, STR("type"), type);
    return xml_set(turn->arena, el, STR("from"), from);
}

/* --- arriving --- */

/* Of an account's own sessions to each other, of contacts it is subscribed to, and of those it has itself written presence to. */
static bool presence_is_wanted(const struct account *a, struct jid from) {
    if (account_sees_presence_of(a, from)) return true;
    LIST_EACH (&a->sessions, at, after) {
        const struct session *s = CONTAINER_OF(at, struct session, in_account);
        if (s->directed && map_get(s->directed, jid_str(from))) return true;
    }
    return false;
}

void presence_arrived(struct turn *turn, struct account *a, struct jid from, struct wire *wire, bool is_farewell) {
    /* A farewell may come when the subscription has ended already, and because of that. */
    if (account_blocks(a, from) || !(is_farewell || presence_is_wanted(a, from))) return;
    deliver_presence(turn, a, from, wire);
}

static void presence_to(struct turn *turn, struct account *a, struct jid to, enum fan_kind kind, struct wire *wire) {
    if (account_blocks(a, to)) return;
    if (jid_bare_eq(to, account_jid(a))) {
        struct session *s = session_by_resource(a, jid_resource(to));
        if (s) session_send(turn, s, wire, 0);
        return;
    }
    struct fan *fan = arena_alloc(turn->arena, sizeof *fan);
    fan_begin(fan, turn, kind, account_jid(a), wire);
    fan_add(fan, jid_bare(to));
    fan_end(fan);
}

static void presence_one(struct turn *turn, struct account *a, struct jid to, struct str type, struct str from) {
    struct wire *wire = wire_from(presence_node(turn, type, from));
    presence_to(turn, a, to, FAN_FAREWELL, wire);
    wire_unref(&wire);
}

static unsigned presence_of_all(struct turn *turn, struct account *a, struct jid to) {
    unsigned count = 0;
    LIST_EACH (&a->sessions, at, after) {
        struct session *s = CONTAINER_OF(at, struct session, in_account);
        if (!session_is_available(s) || str_eq(session_full(s), jid_str(to))) continue;
        presence_to(turn, a, to, FAN_PRESENCE, s->presence);
        count++;
    }
    return count;
}

void presence_probed(struct turn *turn, struct account *a, struct jid from) {
    if (account_blocks(a, from)) return;
    if (!account_shows_presence_to(a, from)) {
        struct xml_node *el = presence_node(turn, STR("unsubscribed"), account_bare(a));
        router_send(turn, xml_set(turn->arena, el, STR("to"), jid_str(from)), from);
        return;
    }
    if (presence_of_all(turn, a, from) == 0 && !jid_bare_eq(from, account_jid(a))) {
        presence_one(turn, a, from, STR("unavailable"), account_bare(a));
    }
}

/* To one resource alone. */
static void presence_to_full(struct turn *turn, struct account *a, struct session *s, struct jid to, bool available) {
    if (account_blocks(a, to)) return;
    if (!available) {
        struct xml_node *el = presence_node(turn, STR("unavailable"), session_full(s));
        router_send(turn, xml_set(turn->arena, el, STR("to"), jid_str(to)), to);
        return;
    }
    struct buf bytes = BUF_INIT;
    wire_write(s->presence, jid_str(to), &bytes);
    router_send_owed(turn, buf_str(&bytes), to, 0);
    buf_free(&bytes);
}

static bool presence_full_to_full(struct turn *turn, struct account *a, struct jid to, bool available) {
    if (jid_is_bare(to)) return false;
    LIST_EACH (&a->sessions, at, after) {
        struct session *s = CONTAINER_OF(at, struct session, in_account);
        if (session_is_available(s)) presence_to_full(turn, a, s, to, available);
    }
    return true;
}

void presence_show(struct turn *turn, struct account *a, struct jid contact) {
    if (!presence_full_to_full(turn, a, contact, true)) presence_of_all(turn, a, contact);
}

void presence_hide(struct turn *turn, struct account *a, struct jid contact) {
    if (presence_full_to_full(turn, a, contact, false)) return;
    LIST_EACH (&a->sessions, at, after) {
        struct session *s = CONTAINER_OF(at, struct session, in_account);
        if (session_is_available(s)) presence_one(turn, a, contact, STR("unavailable"), session_full(s));
    }
}

/* --- leaving --- */

void presence_broadcast(struct turn *turn, struct session *s, struct wire *wire) {
    struct account *a = s->account;
    struct fan *fan = arena_alloc(turn->arena, sizeof *fan);
    fan_begin(fan, turn, session_is_available(s) ? FAN_PRESENCE : FAN_FAREWELL, session_jid(s), wire);
    for (uint32_t i = 0; i < a->contacts.count; i++) {
        const struct contact *c = a->contacts.items[i];
        struct jid jid = jid_trusted(contact_jid(c));
        if ((c->flags & ROSTER_FROM) && !account_blocks(a, jid)) fan_add(fan, jid);
    }
    bool is_crowded = fan_end(fan);
    deliver_presence(turn, a, session_jid(s), wire);
    if (s->stream && is_crowded) stream_crowd(s->stream);
    if (s->stream) stream_charge(s->stream, a->contacts.count / 16);
}

void presence_ask(struct turn *turn, struct session *s) {
    struct account *a = s->account;
    struct fan *fan = arena_alloc(turn->arena, sizeof *fan);
    fan_begin(fan, turn, FAN_PROBE, session_jid(s), NULL);
    for (uint32_t i = 0; i < a->contacts.count; i++) {
        const struct contact *c = a->contacts.items[i];
        struct jid jid = jid_trusted(contact_jid(c));
        if ((c->flags & ROSTER_TO) && !account_blocks(a, jid)) fan_add(fan, jid);
    }
    fan_end(fan);
    LIST_EACH (&a->sessions, it, after) { /* its own other sessions */
        struct session *other = CONTAINER_OF(it, struct session, in_account);
        if (other != s && session_is_available(other)) session_send(turn, s, other->presence, 0);
    }
}

void presence_ask_one(struct turn *turn, struct account *a, struct jid contact) {
    bool is_anybody_here = false;
    LIST_EACH (&a->sessions, at, after) {
        if (session_is_available(CONTAINER_OF(at, struct session, in_account))) is_anybody_here = true;
    }
    if (!is_anybody_here) return;
    struct fan *fan = arena_alloc(turn->arena, sizeof *fan);
    fan_begin(fan, turn, FAN_PROBE, account_jid(a), NULL);
    fan_add(fan, jid_bare(contact));
    fan_end(fan);
    LIST_EACH (&a->sessions, at, after) { /* and what it has published */
        struct session *s = CONTAINER_OF(at, struct session, in_account);
        if (session_is_available(s)) lasts_begin(turn, s, caps_wanted(s), jid_bare_str(contact));
    }
}

/* Those who see the session by subscription have been told otherwise. */
static bool presence_was_directed(const struct session *s, struct jid to) {
    return !(account_shows_presence_to(s->account, to) && session_is_available(s));
}

void presence_take_back_blocked(struct turn *turn, struct account *a) {
    LIST_EACH (&a->sessions, it, after) {
        struct session *s = CONTAINER_OF(it, struct session, in_account);
        size_t at = 0;
        for (char *jid; s->directed && (jid = map_next(s->directed, &at));) {
            if (!account_blocks(a, jid_trusted(str_c(jid)))) continue;
            struct jid to = jid_trusted(str_c(jid));
            struct xml_node *el = presence_node(turn, STR("unavailable"), session_full(s));
            if (presence_was_directed(s, to)) router_send(turn, xml_set(turn->arena, el, STR("to"), str_c(jid)), to);
            free(map_remove(s->directed, str_c(jid)));
        }
    }
}

/* There may be hundreds, and an account may end with many sessions: each of them is made at its recipient's home. */
static void presence_undirect(struct turn *turn, struct session *s, struct wire *wire) {
    if (!s->directed) return;
    struct fan *fan = arena_alloc(turn->arena, sizeof *fan);
    fan_begin(fan, turn, FAN_TAKEN_BACK, session_jid(s), wire);
    size_t at = 0;
    for (char *jid; (jid = map_next(s->directed, &at));) {
        struct jid to = jid_trusted(str_c(jid));
        if (presence_was_directed(s, to)) fan_add(fan, to);
        free(jid);
    }
    if (fan_end(fan) && s->stream) stream_crowd(s->stream);
    map_free(s->directed);
    free(s->directed);
    s->directed = NULL;
}

void presence_leave(struct turn *turn, struct session *s, const struct xml_node *el) {
    if (!session_is_available(s) && !s->directed) return;
    if (!el) el = presence_node(turn, STR("unavailable"), session_full(s));
    struct wire *wire = wire_from(el);
    presence_undirect(turn, s, wire);
    if (session_is_available(s)) {
        wire_unref(&s->presence);
        caps_forget(turn, s);
        presence_broadcast(turn, s, wire);
        session_send(turn, s, wire, 0); /* section 4.5.2: also to the one that said so */
    }
    wire_unref(&wire);
}

bool presence_directed(struct session *s, struct jid to, bool available) {
    struct str key = jid_str(to);
    if (!available) {
        if (s->directed) free(map_remove(s->directed, key));
        return true;
    }
    if (!s->directed) {
        s->directed = calloc(1, sizeof *s->directed);
        CHECK(s->directed != NULL);
    }
    if (map_get(s->directed, key)) return true;
    if (map_count(s->directed) >= (uint32_t)s->account->im->server->options.directed) return false;
    char *copy = malloc(key.len + 1);
    CHECK(copy != NULL);
    memcpy(copy, key.p, key.len);
    copy[key.len] = 0;
    map_put(s->directed, str_of(copy, key.len), copy);
    return true;
}
