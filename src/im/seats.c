/*
 * seats.c: see seats.h. On the shard of the sessions. A seat names its session by handle: one whose session has ended is passed by
 * until the room, which hears of it as of any presence, takes it away. The order is the room's: a message that needs more than its
 * share of a turn goes on before any other.
 */
#include "im/seats.h"

#include <stdlib.h>

#include "base/check.h"
#include "im/account.h"
#include "im/session.h"

struct seat {
    uint32_t session, session_gen, occupant;
    bool is_trusted;
    uint16_t full_len;
    uint32_t at; /* in table.list */
    char full[];
};

/* One room's. */
struct table {
    struct map by_full;
    struct seat **list;
    uint32_t count, cap;
    uint16_t room_len;
    char room[]; /* the map's key */
};

struct seats {
    struct map tables; /* room -> struct table */
};

static void table_free(struct table *t) {
    for (uint32_t i = 0; i < t->count; i++) free(t->list[i]);
    map_free(&t->by_full);
    free(t->list);
    free(t);
}

struct seats *seats_new(void) {
    struct seats *s = calloc(1, sizeof *s);
    CHECK(s != NULL);
    return s;
}

void seats_free(struct seats **seats) {
    if (!*seats) return;
    size_t at = 0;
    for (struct table *t; (t = map_next(&(*seats)->tables, &at));) table_free(t);
    map_free(&(*seats)->tables);
    free(*seats);
    *seats = NULL;
}

/* --- sending --- */

static struct msg_seats *msg_seats_new(enum seats_order order, struct str room, struct str full, uint32_t count,
                                       struct wire *const *wires) {
    size_t bytes = count * sizeof *wires;
    for (uint32_t i = 0; i < count; i++) bytes += wires[i]->len;
    struct msg_seats *m = msg_new(MSG_SEATS, sizeof *m + room.len + full.len, bytes);
    m->order = order;
    m->wires = calloc(count ? count : 1, sizeof *wires);
    CHECK(m->wires != NULL);
    for (; m->wire_count < count; m->wire_count++) m->wires[m->wire_count] = wire_ref(wires[m->wire_count]);
    m->room_len = (uint16_t)room.len;
    m->full_len = (uint16_t)full.len;
    memcpy(m->text, room.p, room.len);
    if (full.len) memcpy(m->text + room.len, full.p, full.len);
    return m;
}

static void seats_post(struct turn *turn, struct shard *to, struct msg_seats *m) {
    m->msg.from = turn->shard->index;
    shard_post(to, &m->msg);
}

void seats_tell(struct turn *turn, enum seats_order order, struct str room, struct jid full, uint32_t occupant,
                bool is_trusted, struct wire *const *wires, uint32_t count) {
    struct msg_seats *m = msg_seats_new(order, room, jid_str(full), count, wires);
    m->occupant = occupant;
    m->is_trusted = is_trusted;
    seats_post(turn, home_of(turn->shard->hub, jid_bare_str(full)), m);
}

void seats_all(struct turn *turn, uint16_t shard, struct str room, uint32_t but, struct wire *closed,
               struct wire *open) {
    struct wire *const wires[] = {closed, open};
    struct msg_seats *m = msg_seats_new(SEATS_ALL, room, STR_NONE, open ? 2 : 1, wires);
    m->occupant = but;
    seats_post(turn, turn->shard->hub->places[shard], m);
}

/* --- arriving --- */

static struct session *session_of(struct im *im, struct jid full) {
    struct account *a = account_find(im, jid_bare_str(full));
    return a && a->state == ACCOUNT_READY ? session_by_resource(a, jid_resource(full)) : NULL;
}

static struct seat *seat_new(struct table *t, struct str full) {
    struct seat *seat = calloc(1, sizeof *seat + full.len);
    CHECK(seat != NULL);
    seat->full_len = (uint16_t)full.len;
    memcpy(seat->full, full.p, full.len);
    if (t->count == t->cap) {
        t->cap = t->cap ? 2 * t->cap : 4;
        t->list = realloc(t->list, t->cap * sizeof(struct seat *));
        CHECK(t->list != NULL);
    }
    seat->at = t->count;
    t->list[t->count++] = seat;
    map_put(&t->by_full, str_of(seat->full, seat->full_len), seat);
    return seat;
}

static void seat_take(struct im *im, const struct msg_seats *m, struct str room, struct jid full) {
    struct session *s = session_of(im, full);
    if (!s) return;
    struct table *t = map_get(&im->seats->tables, room);
    if (!t) {
        t = calloc(1, sizeof *t + room.len);
        CHECK(t != NULL);
        t->room_len = (uint16_t)room.len;
        memcpy(t->room, room.p, room.len);
        map_put(&im->seats->tables, str_of(t->room, t->room_len), t);
    }
    struct seat *seat = map_get(&t->by_full, jid_str(full));
    if (!seat) seat = seat_new(t, jid_str(full));
    seat->session = s->index;
    seat->session_gen = s->generation;
    seat->occupant = m->occupant;
}

static void seat_leave(struct im *im, struct str room, struct jid full) {
    struct table *t = map_get(&im->seats->tables, room);
    struct seat *seat = t ? map_remove(&t->by_full, jid_str(full)) : NULL;
    if (!seat) return;
    struct seat *last = t->list[--t->count];
    t->list[seat->at] = last;
    last->at = seat->at;
    free(seat);
    if (t->count > 0) return;
    map_remove(&im->seats->tables, room);
    table_free(t);
}

uint32_t seats_count(const struct im *im, struct str room) {
    const struct table *t = map_get(&im->seats->tables, room);
    return t ? t->count : 0;
}

/* False: the rest in another turn. */
static bool tell_one(struct turn *turn, struct msg_seats *m, struct str room, struct jid full) {
    struct im *im = im_of(turn);
    struct table *t = map_get(&im->seats->tables, room);
    struct seat *seat = t ? map_get(&t->by_full, jid_str(full)) : NULL;
    struct session *s = seat ? session_at(im, seat->session, seat->session_gen) : NULL;
    if (m->order == SEATS_LEAVE && !s) s = session_of(im, full);
    if (seat) seat->is_trusted = m->is_trusted;
    for (; s && m->done < m->wire_count; m->done++) {
        if (turn_is_long(turn)) return false;
        session_send(turn, s, m->wires[m->done], 0);
    }
    return true;
}

static bool tell_all(struct turn *turn, struct msg_seats *m, struct str room) {
    struct im *im = im_of(turn);
    const struct table *t = map_get(&im->seats->tables, room);
    struct wire *closed = m->wires[0], *open = m->wires[m->wire_count - 1];
    for (; t && m->done < t->count; m->done++) {
        if (turn_is_long(turn)) return false;
        const struct seat *seat = t->list[m->done];
        if (m->occupant && seat->occupant == m->occupant) continue;
        struct session *s = session_at(im, seat->session, seat->session_gen);
        if (s) session_send(turn, s, seat->is_trusted ? open : closed, 0);
    }
    return true;
}

void seats_on_msg(struct turn *turn, struct msg *msg) {
    struct msg_seats *m = (struct msg_seats *)msg;
    struct im *im = im_of(turn);
    struct str room = str_of(m->text, m->room_len);
    struct jid full = m->full_len ? jid_trusted(str_of(m->text + m->room_len, m->full_len)) : JID_NONE;
    if (m->order == SEATS_TAKE && m->done == 0) seat_take(im, m, room, full);
    if (!(m->order == SEATS_ALL ? tell_all(turn, m, room) : tell_one(turn, m, room, full))) {
        shard_hold(turn->shard, msg->bytes);
        shard_again(turn->shard, msg, &msg->next);
        return;
    }
    if (m->order == SEATS_LEAVE) seat_leave(im, room, full);
    for (uint32_t i = 0; i < m->wire_count; i++) wire_unref(&m->wires[i]);
    free(m->wires);
    free(m);
}
