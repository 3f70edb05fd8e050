/*
 * caps.c: verification strings and what they stand for, of one shard. What must hold: a string is shared only when an answer hashes to it, so that no client
 * can say what another wants; of a string one client is asked at a time; what a client says in a way that cannot be verified counts for itself alone.
 */
#include "im/caps.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/crypto.h"
#include "im/lasts.h"
#include "xmpp/disco.h"
#include "xmpp/ns.h"

enum {
    UNUSED_MAX = 1000,
    ASK_MS = 20000,
    LOOK_MS = 5000,
    NAME_MAX = 512,
    NOTIFY_MAX = 8192 /* bytes of a set: many are kept */
};

struct waiter {
    uint32_t session, generation;
};

struct caps_set {
    struct link link; /* among the unused, oldest first, or those that are asked for */
    struct caps *caps;
    uint32_t uses; /* sessions */
    bool known, is_private;
    /* While it is asked for: */
    struct waiter asked;
    char id[23]; /* of the question; empty: nobody is asked */
    int64_t asked_ms;
    struct waiter *waiters; /* who has it besides the one that is asked */
    uint32_t waiter_count, waiter_cap;
    char *notify; /* each ended by '\n' */
    size_t notify_len;
    uint16_t name_len, hash_len, ver_len; /* name: what is asked for, NODE#VER */
    char text[];                          /* hash, '\n', ver: the key; then the name */
};

struct caps {
    struct im *im;
    struct map sets; /* by key */
    struct link unused, asking;
    uint32_t unused_count;
    struct loop_timer timer; /* while somebody is asked */
};

static struct str set_key(const struct caps_set *set) {
    return str_of(set->text, set->hash_len + 1u + set->ver_len);
}
static struct str set_ver(const struct caps_set *set) {
    return str_of(set->text + set->hash_len + 1, set->ver_len);
}
static struct str set_name(const struct caps_set *set) {
    return str_of(set->text + set->hash_len + 1 + set->ver_len, set->name_len);
}
static struct str set_hash(const struct caps_set *set) {
    return str_of(set->text, set->hash_len);
}

static void set_free(struct caps_set *set) {
    if (!set->is_private) map_remove(&set->caps->sets, set_key(set));
    list_remove(&set->link);
    free(set->waiters);
    free(set->notify);
    free(set);
}

static struct caps_set *set_new(struct caps *caps, struct str hash, struct str node, struct str ver) {
    struct caps_set *set = calloc(1, sizeof *set + hash.len + ver.len + node.len + ver.len + 2);
    CHECK(set != NULL);
    char *at = set->text;
    set->caps = caps;
    list_init(&set->link);
    set->hash_len = (uint16_t)hash.len;
    set->ver_len = (uint16_t)ver.len;
    set->name_len = (uint16_t)(node.len + 1 + ver.len);
    if (hash.len) memcpy(at, hash.p, hash.len);
    at[hash.len] = '\n';
    memcpy(at + hash.len + 1, ver.p, ver.len);
    at += hash.len + 1 + ver.len;
    if (node.len) memcpy(at, node.p, node.len);
    at[node.len] = '#';
    memcpy(at + node.len + 1, ver.p, ver.len);
    return set;
}

/* --- asking --- */

static struct session *waiter_session(const struct caps_set *set, struct waiter w) {
    struct session *s = session_at(set->caps->im, w.session, w.generation);
    return s && s->caps == set ? s : NULL;
}

static void waiter_add(struct caps_set *set, const struct session *s) {
    if (set->waiter_count == set->waiter_cap) {
        set->waiter_cap = set->waiter_cap ? set->waiter_cap * 2 : 4;
        set->waiters = realloc(set->waiters, set->waiter_cap * sizeof *set->waiters);
        CHECK(set->waiters != NULL);
    }
    set->waiters[set->waiter_count++] = (struct waiter){s->index, s->generation};
}

static void set_ask(struct turn *turn, struct caps_set *set, struct session *s) {
    struct xml_node *iq = xml_new(turn->arena, NS_CLIENT, STR("iq"));
    random_id(set->id);
    set->asked = (struct waiter){s->index, s->generation};
    set->asked_ms = turn->now_ms;
    list_remove(&set->link);
    list_append(&set->caps->asking, &set->link);
    loop_timer_set(turn->shard->loop, &set->caps->timer, turn->now_ms + LOOK_MS);
    xml_set(turn->arena, iq, STR("type"), STR("get"));
    xml_set(turn->arena, iq, STR("id"), str_c(set->id));
    xml_set(turn->arena, iq, STR("from"), server_domain(set->caps->im));
    struct xml_node *query = xml_add(turn->arena, iq, NS_DISCO_INFO, STR("query"));
    xml_set(turn->arena, query, STR("node"), set_name(set));
    session_send_node(turn, s, iq);
}

/* Who was asked has gone, or said nothing of use: the next one that has it. Nobody: it is forgotten. */
static void set_ask_next(struct turn *turn, struct caps_set *set) {
    set->id[0] = 0;
    while (set->waiter_count > 0) {
        struct session *s = waiter_session(set, set->waiters[--set->waiter_count]);
        if (!s) continue;
        set_ask(turn, set, s);
        return;
    }
    if (set->uses == 0) set_free(set);
}

/* --- having --- */

/* The session, which had this one, has it no more. */
static void set_leave(struct turn *turn, const struct session *s, struct caps_set *set) {
    struct caps *caps = set->caps;
    bool was_asked = set->id[0] && set->asked.session == s->index && set->asked.generation == s->generation;
    set->uses--;
    if (was_asked) {
        set_ask_next(turn, set);
    } else if (set->uses == 0 && (set->is_private || !set->known)) {
        set_free(set);
    } else if (set->uses == 0) {
        list_append(&caps->unused, &set->link);
        if (++caps->unused_count <= UNUSED_MAX) return;
        set_free(CONTAINER_OF(caps->unused.next, struct caps_set, link));
        caps->unused_count--;
    }
}

static void set_drop(struct turn *turn, struct session *s) {
    struct caps_set *set = s->caps;
    s->caps = NULL;
    set_leave(turn, s, set);
}

static void set_take(struct session *s, struct caps_set *set) {
    if (set->uses++ == 0 && set->known && !set->is_private) {
        list_remove(&set->link);
        set->caps->unused_count--;
    }
    s->caps = set;
}

static bool has_line(struct str lines, struct str line) {
    while (str_some(lines)) {
        struct str one = str_first(lines, str_index(lines, '\n'));
        if (str_eq(one, line)) return true;
        lines = str_from(lines, one.len + 1);
    }
    return false;
}

struct str caps_wanted(const struct session *s) {
    return s->caps && s->caps->known ? str_of(s->caps->notify, s->caps->notify_len) : STR("");
}

bool caps_want(const struct session *s, struct str node) {
    return has_line(caps_wanted(s), node);
}

/* The lines of `all` that are not among `had`. */
static struct str lines_without(struct arena *arena, struct str all, struct str had) {
    struct str rest = STR("");
    while (str_some(all)) {
        struct str line = str_first(all, str_index(all, '\n'));
        all = str_from(all, line.len + 1);
        if (!has_line(had, line)) rest = ARENA_CONCAT(arena, rest, line, STR("\n"));
    }
    return rest;
}

/* --- what a session says --- */

/* Its <c/>, if it is one that can be asked for. */
static const struct xml_node *caps_element(const struct xml_node *presence) {
    const struct xml_node *c = xml_child(presence, NS_CAPS, STR("c"));
    struct str ver = c ? xml_attr(c, STR("ver")) : STR_NONE;
    bool is_sound = str_some(ver) && ver.len < NAME_MAX && xml_attr(c, STR("node")).len < NAME_MAX &&
                    xml_attr(c, STR("hash")).len < NAME_MAX &&
                    str_index(xml_attr(c, STR("hash")), '\n') == xml_attr(c, STR("hash")).len;
    return is_sound ? c : NULL;
}

static bool hash_read(struct str name, enum hash *out) {
    *out = str_eq(name, STR("sha-256")) ? HASH_SHA256 : HASH_SHA1;
    return str_eq(name, STR("sha-1")) || str_eq(name, STR("sha-256"));
}

static bool set_is_of(const struct caps_set *set, struct str hash, struct str ver) {
    return str_eq(set_hash(set), hash) && str_eq(set_ver(set), ver);
}

void caps_seen(struct turn *turn, struct session *s, const struct xml_node *presence) {
    const struct xml_node *c = caps_element(presence);
    struct caps *caps = s->account->im->caps;
    if (!c) {
        if (s->caps) caps_forget(turn, s);
        return;
    }
    struct str hash = xml_attr(c, STR("hash")), ver = xml_attr(c, STR("ver"));
    enum hash kind;
    if (s->caps && set_is_of(s->caps, hash, ver)) return;
    struct str had = arena_dup(turn->arena, caps_wanted(s));
    struct str key = ARENA_CONCAT(turn->arena, hash, STR("\n"), ver);
    struct caps_set *set = hash_read(hash, &kind) ? map_get(&caps->sets, key) : NULL;
    bool is_new = !set;
    if (is_new) {
        set = set_new(caps, hash, xml_attr(c, STR("node")), ver);
        set->is_private = !hash_read(hash, &kind);
        if (!set->is_private) map_put(&caps->sets, set_key(set), set);
    }
    struct caps_set *old = s->caps;
    set_take(s, set);
    if (old) set_leave(turn, s, old);
    if (set->known) {
        lasts_begin(turn, s, lines_without(turn->arena, caps_wanted(s), had), STR_NONE);
    } else if (is_new || !set->id[0]) {
        set_ask(turn, set, s);
    } else {
        waiter_add(set, s);
    }
}

void caps_forget(struct turn *turn, struct session *s) {
    lasts_end(turn, s);
    if (s->caps) set_drop(turn, s);
}

/* --- what a client answers --- */

static void set_learn(struct caps_set *set, struct str notify) {
    if (notify.len > NOTIFY_MAX) notify = STR(""); /* no client wants so much */
    set->notify = malloc(notify.len + 1);
    CHECK(set->notify != NULL);
    memcpy(set->notify, notify.p, notify.len);
    set->notify_len = notify.len;
    set->known = true;
    set->id[0] = 0;
    list_remove(&set->link);
}

/* All who have it have been waiting for their last items. */
static void set_tell(struct turn *turn, struct caps_set *set, struct session *asked) {
    struct waiter *waiters = set->waiters;
    uint32_t count = set->waiter_count;
    set->waiters = NULL;
    set->waiter_count = set->waiter_cap = 0;
    lasts_begin(turn, asked, caps_wanted(asked), STR_NONE);
    for (uint32_t i = 0; i < count; i++) {
        struct session *s = waiter_session(set, waiters[i]);
        if (s && s != asked) lasts_begin(turn, s, caps_wanted(s), STR_NONE);
    }
    free(waiters);
}

/* What cannot be verified is the client's own. */
static void set_part(struct turn *turn, struct session *s, struct str notify) {
    struct caps_set *old = s->caps, *own = set_new(old->caps, set_hash(old), STR_NONE, set_ver(old));
    own->is_private = true;
    set_learn(own, notify);
    set_drop(turn, s);
    set_take(s, own);
    lasts_begin(turn, s, caps_wanted(s), STR_NONE);
}

bool caps_on_answer(struct walk *walk) {
    struct session *s = walk->session;
    struct caps_set *set = s ? s->caps : NULL;
    if (!set || !set->id[0] || !str_eq(walk->stanza.id, str_c(set->id)) || set->asked.session != s->index ||
        set->asked.generation != s->generation)
        return false;
    const struct xml_node *query = xml_first_element(walk->stanza.el);
    struct str ver;
    enum hash hash;
    if (walk->stanza.type != IQ_RESULT || !query || !xml_is(query, NS_DISCO_INFO, STR("query"))) {
        set_drop(walk->turn, s);
        return true;
    }
    struct str notify = disco_notify(walk->turn->arena, query);
    bool is_verified = hash_read(set_hash(set), &hash) &&
                       disco_verification(walk->turn->arena, query, hash, &ver) == 0 && str_eq(ver, set_ver(set));
    if (is_verified || set->is_private) {
        set_learn(set, notify);
        set_tell(walk->turn, set, s);
    } else {
        set_part(walk->turn, s, notify);
    }
    return true;
}

/* --- the table --- */

/* Who does not answer keeps others waiting no longer. */
static void on_time(struct loop_timer *timer, int64_t now_ms) {
    struct caps *caps = CONTAINER_OF(timer, struct caps, timer);
    struct turn *turn = shard_turn(caps->im->shard);
    LIST_EACH (&caps->asking, at, after) {
        struct caps_set *set = CONTAINER_OF(at, struct caps_set, link);
        if (now_ms - set->asked_ms < ASK_MS) break; /* oldest first */
        struct session *s = waiter_session(set, set->asked);
        if (s)
            set_drop(turn, s);
        else
            set_ask_next(turn, set);
        break; /* the list has changed: the others in a moment */
    }
    if (!list_empty(&caps->asking)) loop_timer_set(turn->shard->loop, timer, now_ms + LOOK_MS);
}

struct caps *caps_new(struct im *im) {
    struct caps *caps = calloc(1, sizeof *caps);
    CHECK(caps != NULL);
    caps->im = im;
    list_init(&caps->unused);
    list_init(&caps->asking);
    caps->timer.fire = on_time;
    return caps;
}

void caps_free(struct caps **caps) {
    struct caps *dropped = *caps;
    *caps = NULL;
    if (!dropped) return;
    size_t at = 0;
    for (struct caps_set *set; (set = map_next(&dropped->sets, &at));) set_free(set);
    map_free(&dropped->sets);
    free(dropped);
}
