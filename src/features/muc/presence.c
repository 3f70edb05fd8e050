/*
 * presence.c: coming, going, and how one shows oneself (XEP-0045 section 7). An occupant's own words go on as they came; who it is and what it
 * may do is said by the room, to moderators with the address, and to others only where the room says so. Who comes is given, in one item
 * of its shard's FIFO: the others, itself, what was said last, the subject.
 */
#include <stdlib.h>

#include "base/check.h"
#include "base/codec.h"
#include "base/crypto.h"
#include "features/muc/room.h"
#include "im/crossing.h"
#include "im/router.h"
#include "xml/writer.h"
#include "xmpp/ns.h"

enum { CODE_NON_ANONYMOUS = 100, CODE_SELF = 110, CODE_LOGGED = 170, CODE_CREATED = 201, CODE_NICK_ASSIGNED = 210 };
enum { CODE_BANNED = 301, CODE_RENAMED = 303, CODE_KICKED = 307, CODE_AFFILIATION = 321, CODE_ERROR = 333 };

enum { PRESENCE_BYTES = 8192 };

/* --- what is said of an occupant --- */

static bool is_the_rooms(const struct xml_node *child, const void *arg) {
    (void)arg;
    return str_eq(child->ns, NS_MUC) || str_eq(child->ns, NS_MUC_USER) || str_eq(child->ns, NS_OCCUPANT_ID) ||
           str_eq(child->ns, NS_DELAY) || xml_is(child, NS_SID, STR("stanza-id"));
}

static struct str occupant_id(struct turn *turn, const struct occupant *o) {
    uint8_t hash[32];
    struct str seed = ARENA_CONCAT(turn->arena, room_bare(o->room), STR("\n"), str_c(o->bare));
    hmac(HASH_SHA256, str_of(o->room->im->server->salt_secret, 16), seed, hash);
    return base64url_encode(turn->arena, str_of(hash, 18));
}

void occupant_sign(struct turn *turn, struct xml_node *el, const struct occupant *o) {
    struct xml_node *id = xml_add(turn->arena, el, NS_OCCUPANT_ID, STR("occupant-id"));
    xml_set(turn->arena, id, STR("id"), occupant_id(turn, o));
}

struct str occupant_address(struct turn *turn, const struct occupant *o) {
    return ARENA_CONCAT(turn->arena, room_bare(o->room), STR("/"), str_c(o->nick));
}

struct xml_node *room_own_copy(struct turn *turn, const struct xml_node *el) {
    struct xml_node *copy = xml_copy_shallow(turn->arena, el);
    xml_remove_children(copy, is_the_rooms, NULL);
    return xml_set(turn->arena, copy, STR("to"), STR_NONE);
}

static void codes_add(struct turn *turn, struct xml_node *x, const int *codes) {
    for (; codes && *codes; codes++) {
        struct xml_node *status = xml_add(turn->arena, x, STR_NONE, STR("status"));
        xml_set(turn->arena, status, STR("code"), arena_printf(turn->arena, "%d", *codes));
    }
}

/* `full`: of whom the address is told; STR_NONE: it is not. */
static struct wire *occupant_wire(struct turn *turn, const struct occupant *o, const struct remark *remark,
                                  struct str full, bool is_self) {
    struct arena *arena = turn->arena;
    struct xml_node *el = remark->role ? xml_parse_own(arena, arena_dup(arena, buf_str(&o->shows))) : NULL;
    if (!el) el = xml_new(arena, NS_CLIENT, STR("presence"));
    xml_set(arena, el, STR("from"), occupant_address(turn, o));
    xml_set(arena, el, STR("type"), remark->role ? STR_NONE : STR("unavailable"));
    struct xml_node *x = xml_add(arena, el, NS_MUC_USER, STR("x"));
    struct xml_node *item = xml_add(arena, x, STR_NONE, STR("item"));
    enum affiliation a = remark->destroy ? AFFILIATION_NONE : room_affiliation(o->room, str_c(o->bare));
    xml_set(arena, item, STR("affiliation"), affiliation_name(a));
    xml_set(arena, item, STR("role"), role_name(str_some(remark->nick) ? o->role : remark->role));
    xml_set(arena, item, STR("jid"), full);
    xml_set(arena, item, STR("nick"), remark->nick);
    if (str_some(remark->actor))
        xml_set(arena, xml_add(arena, item, STR_NONE, STR("actor")), STR("nick"), remark->actor);
    if (str_some(remark->reason)) xml_add_text(arena, xml_add(arena, item, STR_NONE, STR("reason")), remark->reason);
    if (remark->destroy) xml_append(x, xml_copy_deep(arena, remark->destroy));
    static const int self[] = {CODE_SELF, 0};
    if (is_self) codes_add(turn, x, self);
    codes_add(turn, x, remark->codes);
    occupant_sign(turn, el, o);
    return wire_from(el);
}

/* The address of one of its devices; the bare one when it is about to have none. */
static struct str occupant_full(const struct occupant *o) {
    if (list_empty(&o->sitters)) return str_c(o->bare);
    const struct sitter *s = CONTAINER_OF(o->sitters.next, struct sitter, in_occupant);
    return str_of(s->full, s->len);
}

/* A crowd is not told of everybody who comes and goes: only of those with a role that the room shows, and in a large one of moderators. */
static bool is_broadcast(const struct occupant *o) {
    const struct room *r = o->room;
    if (r->occupant_count > r->im->server->options.room_presence && o->role < ROLE_MODERATOR) return false;
    struct str shown = config_get(&r->config, OPTION_BROADCAST), role = role_name(o->role);
    for (; str_some(shown); shown = str_from(shown, str_index(shown, ' ') + 1)) {
        if (str_eq(str_first(shown, str_index(shown, ' ')), role)) return true;
    }
    return false;
}

static void forget_words(struct occupant *o) {
    wire_unref(&o->open);
    wire_unref(&o->closed);
}

/* To everybody else, who have seen it come. */
static void occupant_tell_others(struct turn *turn, struct occupant *o, const struct remark *remark) {
    static const struct remark away = {.role = ROLE_NONE};
    if (remark->role && !is_broadcast(o)) remark = &away;
    if (!remark->role && !o->open) return;
    bool is_open = str_eq(config_get(&o->room->config, OPTION_WHOIS), STR("anyone"));
    struct wire *open = occupant_wire(turn, o, remark, occupant_full(o), false);
    struct wire *closed = is_open ? wire_ref(open) : occupant_wire(turn, o, remark, STR_NONE, false);
    room_tell_all(turn, o->room, o, closed, open);
    forget_words(o);
    if (remark->role) { /* for newcomers too */
        o->open = wire_ref(open);
        o->closed = wire_ref(closed);
    }
    wire_unref(&open);
    wire_unref(&closed);
}

static void sitter_tell(struct turn *turn, const struct sitter *s, enum seats_order order,
                        const struct remark *remark) {
    struct wire *wire = occupant_wire(turn, s->occupant, remark, str_of(s->full, s->len), true);
    room_tell(turn, s, order, &wire, 1);
    wire_unref(&wire);
}

void occupant_show(struct turn *turn, struct occupant *o, const int *codes) {
    struct remark remark = {.role = o->role};
    occupant_tell_others(turn, o, &remark);
    remark.codes = codes;
    LIST_EACH (&o->sitters, at, after)
        sitter_tell(turn, CONTAINER_OF(at, struct sitter, in_occupant), SEATS_TELL, &remark);
}

void occupant_expel(struct turn *turn, struct occupant *o, const struct remark *remark) {
    struct room *r = o->room;
    LIST_EACH (&o->sitters, at, after)
        sitter_tell(turn, CONTAINER_OF(at, struct sitter, in_occupant), SEATS_LEAVE, remark);
    occupant_tell_others(turn, o, remark);
    occupant_free(o);
    room_emptied(turn, r);
}

void occupant_affiliated(struct turn *turn, struct occupant *o, enum affiliation a, struct str actor,
                         struct str reason) {
    static const int banned[] = {CODE_BANNED, 0}, outside[] = {CODE_AFFILIATION, 0};
    enum role role = room_role_for(o->room, a);
    if (role == ROLE_NONE) {
        struct remark remark = {.codes = a == AFFILIATION_OUTCAST ? banned : outside, .actor = actor, .reason = reason};
        occupant_expel(turn, o, &remark);
        return;
    }
    o->role = role;
    occupant_show(turn, o, NULL);
}

/* --- coming --- */

struct wanted {
    uint32_t max;
    uint64_t chars;
    int64_t since_us;
};

static uint32_t number_of(struct str text, uint32_t otherwise) {
    unsigned long long n;
    return str_some(text) && str_to_u64(text, UINT32_MAX, &n) ? (uint32_t)n : otherwise;
}

/* Section 7.2.14. */
static struct wanted history_wanted(struct walk *walk, const struct room *r, const struct xml_node *muc) {
    struct wanted w = {config_number(&r->config, OPTION_HISTORY), UINT64_MAX,
                       room_past_from(r, jid_bare_str(walk->stanza.from))};
    const struct xml_node *history = muc ? xml_child(muc, NS_MUC, STR("history")) : NULL;
    if (!history) return w;
    w.max = number_of(xml_attr(history, STR("maxstanzas")), w.max);
    w.chars = number_of(xml_attr(history, STR("maxchars")), UINT32_MAX);
    int64_t since = walk->turn->wall_us - (int64_t)number_of(xml_attr(history, STR("seconds")), 0) * 1000000;
    if (xml_attr(history, STR("seconds")).p && since > w.since_us) w.since_us = since;
    if (datetime_parse(xml_attr(history, STR("since")), &since) == 0 && since > w.since_us) w.since_us = since;
    return w;
}

/* The first of the last that are wanted. */
static uint32_t history_from(const struct room *r, struct wanted w) {
    uint32_t first = r->history_count;
    for (uint64_t chars = 0; first > 0 && r->history_count - first < w.max; first--) {
        const struct said *said = &r->history[(r->history_head + first - 1) % r->history_cap];
        chars += said->wire->len;
        if (chars > w.chars || said->sequence < w.since_us) break;
    }
    return first;
}

/* All that somebody is given who comes, in its order. */
static void sitter_welcome(struct walk *walk, struct sitter *s, const struct xml_node *muc, const int *codes) {
    struct turn *turn = walk->turn;
    struct room *r = s->occupant->room;
    bool is_trusted = occupant_is_trusted(s->occupant);
    uint32_t from = history_from(r, history_wanted(walk, r, muc)), count = 0;
    struct wire **wires = arena_alloc(turn->arena, (r->occupant_count + r->history_count - from + 2) * sizeof *wires);
    LIST_EACH (&r->occupants, at, after) {
        struct occupant *o = CONTAINER_OF(at, struct occupant, in_room);
        if (o != s->occupant && o->open) wires[count++] = is_trusted ? o->open : o->closed;
    }
    struct remark remark = {.role = s->occupant->role, .codes = codes};
    struct wire *self = occupant_wire(turn, s->occupant, &remark, str_of(s->full, s->len), true);
    struct wire *subject = subject_wire(turn, r);
    wires[count++] = self;
    for (; from < r->history_count; from++) wires[count++] = r->history[(r->history_head + from) % r->history_cap].wire;
    wires[count++] = subject;
    room_tell(turn, s, SEATS_TAKE, wires, count);
    wire_unref(&self);
    wire_unref(&subject);
}

static void occupant_keep_words(struct walk *walk, struct occupant *o) {
    buf_clear(&o->shows);
    xml_write(&o->shows, room_own_copy(walk->turn, walk->stanza.el), STR_NONE, false);
}

/* Why this one may not come in; STANZA_ERR_NONE. */
static enum stanza_error entry_refused(struct walk *walk, const struct room *r, const struct xml_node *muc,
                                       struct str nick) {
    struct str bare = jid_bare_str(walk->stanza.from);
    enum affiliation a = room_affiliation(r, bare);
    if (r->is_locked && a != AFFILIATION_OWNER) return STANZA_ERR_ITEM_NOT_FOUND;
    if (a == AFFILIATION_OUTCAST) return STANZA_ERR_FORBIDDEN;
    if (config_is(&r->config, OPTION_MEMBERS_ONLY) && a < AFFILIATION_MEMBER) return STANZA_ERR_REGISTRATION_REQUIRED;
    if (config_is(&r->config, OPTION_PROTECTED) && a < AFFILIATION_OWNER) {
        struct str password = xml_child_text(walk->turn->arena, muc, NS_MUC, STR("password"));
        if (!str_eq(password, config_get(&r->config, OPTION_SECRET))) return STANZA_ERR_NOT_AUTHORIZED;
    }
    bool is_full = r->occupant_count >= config_number(&r->config, OPTION_MAX_USERS);
    if (is_full && a < AFFILIATION_ADMIN && !room_by_bare(r, bare)) return STANZA_ERR_SERVICE_UNAVAILABLE;
    return nick_refused(r, nick, bare);
}

/* Somebody else has that nick, or has reserved it. */
enum stanza_error nick_refused(const struct room *r, struct str nick, struct str bare) {
    const struct occupant *o = room_by_nick(r, nick);
    if (o && !str_eq(str_c(o->bare), bare)) return STANZA_ERR_CONFLICT;
    const struct person *p = map_get(&r->reserved, nick);
    return p && !str_eq(person_jid(p), bare) ? STANZA_ERR_CONFLICT : STANZA_ERR_NONE;
}

/* The first who comes to where there is nothing makes it (section 10.1). */
static void room_create(struct turn *turn, struct room *r, struct str owner) {
    struct room_person person = {owner, AFFILIATION_OWNER, STR_NONE, STR_NONE, turn->wall_us};
    r->is_locked = true;
    room_person_set(r, &person);
}

static void come(struct walk *walk, struct room *r, const struct xml_node *muc) {
    struct jid from = walk->stanza.from;
    struct str nick = jid_resource(walk->stanza.to), bare = jid_bare_str(from);
    bool is_new = !room_exists(r);
    if (is_new) room_create(walk->turn, r, bare);
    struct occupant *o = room_by_bare(r, bare);
    struct str taken = o ? str_c(o->nick) : nick;
    enum stanza_error error = entry_refused(walk, r, muc, taken);
    if (error) {
        router_refuse(walk, error, STR_NONE);
        return;
    }
    bool is_first = !o;
    if (!o) o = occupant_new(r, nick, bare, room_role_for(r, room_affiliation(r, bare)));
    occupant_keep_words(walk, o);
    struct sitter *s = room_sitter(r, from);
    if (!s) s = occupant_sit(o, from);
    int codes[5], count = 0;
    if (str_eq(config_get(&r->config, OPTION_WHOIS), STR("anyone"))) codes[count++] = CODE_NON_ANONYMOUS;
    if (r->id) codes[count++] = CODE_LOGGED;
    if (is_new) codes[count++] = CODE_CREATED;
    if (!str_eq(taken, nick)) codes[count++] = CODE_NICK_ASSIGNED;
    codes[count] = 0;
    if (is_first) {
        struct remark remark = {.role = o->role};
        occupant_tell_others(walk->turn, o, &remark);
    }
    sitter_welcome(walk, s, muc, codes);
}

/* --- going --- */

static void go(struct turn *turn, struct sitter *s, const struct remark *remark) {
    struct occupant *o = s->occupant;
    if (o->sitters.next == o->sitters.prev) { /* its last device */
        occupant_expel(turn, o, remark);
        return;
    }
    sitter_tell(turn, s, SEATS_LEAVE, remark);
    sitter_leave(turn, s);
}

void sitter_is_ghost(struct turn *turn, struct sitter *s) {
    static const int codes[] = {CODE_KICKED, CODE_ERROR, 0};
    struct remark remark = {.codes = codes};
    go(turn, s, &remark);
}

/* --- another nick --- */

static void rename_to(struct walk *walk, struct occupant *o, struct str nick) {
    static const int codes[] = {CODE_RENAMED, 0};
    enum stanza_error error = nick_refused(o->room, nick, str_c(o->bare));
    if (error) {
        router_refuse(walk, error, STR_NONE);
        return;
    }
    struct remark remark = {.codes = codes, .nick = nick};
    LIST_EACH (&o->sitters, at, after)
        sitter_tell(walk->turn, CONTAINER_OF(at, struct sitter, in_occupant), SEATS_TELL, &remark);
    occupant_tell_others(walk->turn, o, &remark);
    occupant_rename(o, nick);
    occupant_keep_words(walk, o);
    occupant_show(walk->turn, o, NULL);
}

/* --- all of it --- */

static void available(struct walk *walk, struct room *r) {
    const struct xml_node *muc = xml_child(walk->stanza.el, NS_MUC, STR("x"));
    struct sitter *s = room_sitter(r, walk->stanza.from);
    struct str nick = jid_resource(walk->stanza.to);
    if (walk->crossing->wire->len > PRESENCE_BYTES) { /* each newcomer is given all of them */
        router_refuse(walk, STANZA_ERR_POLICY_VIOLATION, STR("That is too much for a presence."));
    } else if (!str_some(nick)) {
        router_refuse(walk, STANZA_ERR_JID_MALFORMED, STR("A nick is needed: ROOM/NICK."));
    } else if (!s && !muc) { /* it believes to be here, and is not: it shall enter again (or not) */
        router_refuse(walk, STANZA_ERR_NOT_ACCEPTABLE, STR("You are not in this room."));
    } else if (s && !str_eq(nick, str_c(s->occupant->nick))) {
        rename_to(walk, s->occupant, nick);
    } else if (muc) {
        come(walk, r, muc);
    } else {
        occupant_keep_words(walk, s->occupant);
        occupant_show(walk->turn, s->occupant, NULL);
    }
}

void presence_on(struct walk *walk, struct room *r) {
    struct sitter *s = room_sitter(r, walk->stanza.from);
    struct remark remark = {0};
    switch (walk->stanza.type) {
    case PRESENCE_AVAILABLE:
        available(walk, r);
        break;
    case PRESENCE_UNAVAILABLE:
        if (s) go(walk->turn, s, &remark);
        break;
    case PRESENCE_ERROR:
        if (s) sitter_is_ghost(walk->turn, s);
        break;
    default: /* nobody subscribes to a room */
        break;
    }
}
