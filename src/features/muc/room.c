/*
 * room.c: see room.h: a room's life, who is in it, and what waits for what. On its home. What must hold: a stanza is taken when all that
 * came before it and could change its meaning is decided; a room in memory is as the database has it, or a change is on its way.
 */
#include "features/muc/room.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/codec.h"
#include "base/err.h"
#include "base/log.h"
#include "im/archive.h"
#include "im/crossing.h"
#include "im/deliver.h"
#include "im/iq.h"
#include "im/router.h"
#include "store/archive.h"
#include "xmpp/ns.h"

enum { HISTORY_MAX = 100, HISTORY_BYTES = 256 << 10 /* of one room in memory; the rest is in the archive */ };

/* Of this shard, by address. */
struct rooms {
    struct map by_bare;
};

static struct rooms *rooms_of(struct im *im) {
    if (!im->rooms) im->rooms = calloc(1, sizeof(struct rooms));
    CHECK(im->rooms != NULL);
    return im->rooms;
}

/* --- life --- */

static void on_settling(struct loop_deferred *deferred) {
    struct room *r = CONTAINER_OF(deferred, struct room, settling);
    room_settle(shard_turn(r->im->shard), r);
}

static struct room *room_new(struct im *im, struct jid address) {
    struct str bare = jid_bare_str(address);
    struct room *r = calloc(1, sizeof *r + bare.len);
    CHECK(r != NULL);
    r->im = im;
    r->slot = slot_of(im->shard->hub, bare);
    r->waiting_end = &r->waiting;
    r->settling.run = on_settling;
    list_init(&r->occupants);
    list_init(&r->sending);
    r->local_len = address.local_len;
    r->bare_len = (uint16_t)bare.len;
    memcpy(r->bare, bare.p, bare.len);
    map_put(&rooms_of(im)->by_bare, room_bare(r), r);
    return r;
}

static void history_clear(struct room *r) {
    for (uint32_t i = 0; i < r->history_count; i++)
        wire_unref(&r->history[(r->history_head + i) % r->history_cap].wire);
    free(r->history);
    r->history = NULL;
    r->history_cap = r->history_count = r->history_head = 0;
    r->history_bytes = 0;
}

/* All that it knows; its address stays. */
static void room_clear(struct room *r) {
    LIST_EACH (&r->occupants, at, after) occupant_free(CONTAINER_OF(at, struct occupant, in_room));
    size_t i = 0;
    for (struct person *p; (p = map_next(&r->people, &i));) free(p);
    map_free(&r->people);
    map_free(&r->reserved);
    map_free(&r->nicks);
    map_free(&r->bares);
    map_free(&r->fulls);
    config_free(&r->config);
    history_clear(r);
    free(r->subject);
    free(r->subject_from);
    r->subject = r->subject_from = NULL;
}

void room_reset(struct room *r) {
    room_clear(r);
    r->id = 0;
    r->is_locked = r->is_gone = false;
    r->subject_us = 0;
}

void room_emptied(struct turn *turn, struct room *r) {
    if (r->occupant_count > 0 || r->is_gone) return;
    if (!r->id) {
        room_reset(r);
    } else if (!config_is(&r->config, OPTION_PERSISTENT)) {
        room_end(NULL, turn, r, NULL);
    }
}

static void room_free(struct room *r) {
    map_remove(&rooms_of(r->im)->by_bare, room_bare(r));
    loop_undefer(r->im->shard->loop, &r->settling);
    room_clear(r);
    free(r);
}

void rooms_stop(struct im *im) {
    struct rooms *rooms = im->rooms;
    if (!rooms) return;
    size_t at = 0;
    for (struct room *r; (r = map_next(&rooms->by_bare, &at));) {
        for (struct msg *m = r->waiting, *next; m; m = next) {
            next = m->next;
            struct msg_stanza *crossing = (struct msg_stanza *)m;
            crossing_free(&crossing);
        }
        room_forget_sending(r);
        loop_undefer(im->shard->loop, &r->settling);
        room_clear(r);
        free(r);
    }
    map_free(&rooms->by_bare);
    free(rooms);
    im->rooms = NULL;
}

/* --- loading --- */

struct load_job {
    struct store_job job;
    struct room *room;
    bool is_there;
    struct buf rows;   /* of history: struct row_head, bytes; newest first */
    struct buf people; /* struct person_head, text */
    struct room_row row;
    struct buf text; /* of row: config, subject, subject_from */
    int64_t last_sequence;
};

struct row_head {
    int64_t sequence;
    uint32_t len;
};

static void load_room(void *arg, const struct room_row *row) {
    struct load_job *load = arg;
    load->is_there = true;
    load->row = *row;
    buf_add_str(&load->text, row->config);
    buf_add_str(&load->text, row->subject);
    buf_add_str(&load->text, row->subject_from);
}

static struct person *person_new(const struct room_person *row) {
    struct person *p = calloc(1, sizeof *p + row->jid.len + row->nick.len + row->reason.len);
    CHECK(p != NULL);
    p->affiliation = row->affiliation;
    p->since_us = row->since_us;
    p->jid_len = (uint16_t)row->jid.len;
    p->nick_len = (uint16_t)row->nick.len;
    p->reason_len = (uint16_t)row->reason.len;
    memcpy(p->text, row->jid.p, row->jid.len);
    if (row->nick.len) memcpy(p->text + row->jid.len, row->nick.p, row->nick.len);
    if (row->reason.len) memcpy(p->text + row->jid.len + row->nick.len, row->reason.p, row->reason.len);
    return p;
}

static void load_person(void *arg, const struct room_person *row) {
    struct load_job *load = arg;
    struct person *p = person_new(row);
    buf_add(&load->people, &p, sizeof p);
}

static bool load_said(void *arg, const struct archive_row *row) {
    struct load_job *load = arg;
    struct row_head head = {row->sequence, (uint32_t)row->stanza.len};
    buf_add(&load->rows, &head, sizeof head);
    buf_add_str(&load->rows, row->stanza);
    return buf_len(&load->rows) < HISTORY_BYTES;
}

/* Reader thread. */
static int load_run(struct db *db, struct store_job *job) {
    struct load_job *load = (struct load_job *)job;
    int err = rooms_read(db, room_local(load->room), load_room, load_person, load);
    if (err) return err == ERR_NOT_FOUND ? 0 : err;
    bool complete;
    struct archive_query query = {.account = -load->row.id, .backwards = true, .max = HISTORY_MAX};
    err = archive_last(db, -load->row.id, &load->last_sequence);
    return err ? err : archive_query(db, &query, load_said, load, &complete);
}

static char *copy_of(struct str s) {
    if (!s.p) return NULL;
    char *copy = strndup(s.p, s.len);
    CHECK(copy != NULL);
    return copy;
}

static struct str with_stanza_id(struct turn *turn, const struct room *r, int64_t sequence) {
    return ARENA_CONCAT(turn->arena, STR("<stanza-id xmlns='"), NS_SID, STR("' by='"), room_bare(r), STR("' id='"),
                        room_archive_id(turn, r, sequence), STR("'/>"));
}

bool says_subject(const struct xml_node *el) {
    return xml_child(el, NS_CLIENT, STR("subject")) && !xml_child(el, NS_CLIENT, STR("body")) &&
           !xml_child(el, NS_CLIENT, STR("thread"));
}

/* Who it was: in the archive, for those who may know (message.c). */
static bool is_told_to_some(const struct xml_node *child, const void *arg) {
    (void)arg;
    return str_eq(child->ns, NS_MUC_USER);
}

/* Newest first, as they were read; a subject is told by itself. */
static void history_restore(struct turn *turn, struct room *r, struct str rows) {
    struct str list[HISTORY_MAX];
    int64_t sequences[HISTORY_MAX];
    uint32_t count = 0;
    while (str_some(rows) && count < HISTORY_MAX) {
        struct row_head head;
        memcpy(&head, rows.p, sizeof head);
        sequences[count] = head.sequence;
        list[count++] = str_first(str_from(rows, sizeof head), head.len);
        rows = str_from(rows, sizeof head + head.len);
    }
    while (count-- > 0) {
        struct xml_node *el = xml_parse_own(turn->arena, list[count]);
        if (!el || says_subject(el)) continue;
        xml_remove_children(el, is_told_to_some, NULL);
        struct wire *plain = wire_from(el), *wire = wire_with_child(plain, with_stanza_id(turn, r, sequences[count]));
        room_remember(turn, r, wire, sequences[count]);
        wire_unref(&plain);
        wire_unref(&wire);
    }
}

static void load_take(struct turn *turn, struct room *r, struct load_job *load) {
    struct str text = buf_str(&load->text);
    r->id = load->row.id;
    config_read(&r->config, str_first(text, load->row.config.len));
    if (load->row.subject.p)
        r->subject = copy_of(str_first(str_from(text, load->row.config.len), load->row.subject.len));
    if (load->row.subject_from.p)
        r->subject_from = copy_of(str_from(text, load->row.config.len + load->row.subject.len));
    r->subject_us = load->row.subject_us;
    r->last_sequence = load->last_sequence;
    history_restore(turn, r, buf_str(&load->rows));
}

static void person_add(struct room *r, struct person *p) {
    map_put(&r->people, person_jid(p), p);
    if (p->nick_len) map_put(&r->reserved, person_nick(p), p);
}

static void load_done(struct turn *turn, struct store_job *job) {
    struct load_job *load = (struct load_job *)job;
    struct room *r = load->room;
    struct str people = buf_str(&load->people);
    for (struct person *p; people.len; people = str_from(people, sizeof p)) {
        memcpy(&p, people.p, sizeof p);
        person_add(r, p);
    }
    if (job->result) LOG(LOG_ERROR, "room-failed", F_STR("room", room_bare(r)), F_ERR("error", job->result));
    r->failed = job->result != 0;
    if (load->is_there && !job->result) load_take(turn, r, load);
    r->is_loaded = true;
    r->jobs--;
    buf_free(&load->rows);
    buf_free(&load->people);
    buf_free(&load->text);
    free(load);
    room_settle(turn, r);
}

static void room_load(struct turn *turn, struct room *r) {
    struct load_job *load = calloc(1, sizeof *load);
    CHECK(load != NULL);
    load->job.kind = STORE_READ;
    load->job.slot = r->slot;
    load->job.run = load_run;
    load->job.done = load_done;
    load->job.msg.bytes = sizeof *load;
    load->room = r;
    r->jobs++;
    store_submit(r->im->server->store, turn, &load->job);
}

/* --- what waits --- */

static void room_park(struct room *r, struct walk *walk) {
    struct msg *m = &walk->crossing->msg;
    shard_hold(walk->turn->shard, m->bytes);
    m->next = NULL;
    *r->waiting_end = m;
    r->waiting_end = &m->next;
}

struct room *room_need(struct walk *walk) {
    struct jid address = jid_bare(walk->stanza.to);
    struct room *r = map_get(&rooms_of(walk->im)->by_bare, jid_str(address));
    if (!r) {
        r = room_new(walk->im, address);
        room_load(walk->turn, r);
    }
    if (r->is_loaded) return r;
    room_park(r, walk);
    return NULL;
}

/* Reads nothing that others change, and changes nothing. */
static bool is_question(const struct stanza *s) {
    return s->kind == STANZA_IQ && (s->type != IQ_SET || xml_is(s->payload, NS_MAM, STR("query")));
}

/* What its sender may do is decided now, as things are; its effect comes in its turn (message.c). */
static bool is_saying(const struct stanza *s) {
    return s->kind == STANZA_MESSAGE && s->type == MESSAGE_GROUPCHAT;
}

static bool must_wait(const struct room *r, const struct stanza *s) {
    if (is_question(s)) return false;
    return r->is_changing || (!is_saying(s) && !list_empty(&r->sending));
}

bool room_is_busy(struct room *r, struct walk *walk) {
    if (is_question(&walk->stanza) || (!r->waiting && !must_wait(r, &walk->stanza))) return false;
    room_park(r, walk);
    return true;
}

static void room_rest(struct room *r) {
    bool is_used = r->jobs || r->waiting || r->occupant_count || !list_empty(&r->sending) || r->is_changing;
    if (!is_used) room_free(r);
}

void room_settle(struct turn *turn, struct room *r) {
    if (!r->is_loaded) return;
    r->jobs++; /* stays, whatever happens here */
    while (r->waiting) {
        if (turn_is_long(turn)) {
            loop_defer(r->im->shard->loop, &r->settling);
            break;
        }
        struct msg_stanza *m = (struct msg_stanza *)r->waiting;
        struct walk walk;
        crossing_open(turn, m, NULL, &walk);
        if (must_wait(r, &walk.stanza)) break;
        r->waiting = m->msg.next;
        if (!r->waiting) r->waiting_end = &r->waiting;
        shard_let_go(turn->shard, m->msg.bytes);
        room_take(&walk, r);
        crossing_free(&m);
    }
    r->jobs--;
    room_rest(r);
}

/* --- changes --- */

struct room_change *room_change_new(struct walk *walk, struct room *r) {
    struct room_change *c = calloc(1, sizeof *c);
    CHECK(c != NULL);
    c->room = r;
    c->arena = arena_new();
    if (walk && walk->stanza.kind == STANZA_IQ) c->later = iq_defer(walk);
    return c;
}

static int change_run(struct db *db, struct store_job *job) {
    struct room_change *c = (struct room_change *)job;
    return c->write(db, c);
}

static void change_done(struct turn *turn, struct store_job *job) {
    struct room_change *c = (struct room_change *)job;
    struct room *r = c->room;
    r->is_changing = false;
    if (job->result && job->result != ERR_LIMIT && job->result != ERR_EXISTS)
        LOG(LOG_ERROR, "room-change-failed", F_STR("room", room_bare(r)), F_ERR("error", job->result));
    c->apply(turn, c, job->result);
    r->jobs--;
    room_settle(turn, r);
}

void room_change_submit(struct turn *turn, struct room_change *c) {
    c->job.kind = STORE_WRITE;
    c->job.slot = c->room->slot;
    c->job.run = change_run;
    c->job.done = change_done;
    c->job.msg.bytes = (uint32_t)(sizeof *c + arena_used(c->arena));
    c->room->is_changing = true;
    c->room->jobs++;
    store_submit(c->room->im->server->store, turn, &c->job);
}

void room_change_free(struct room_change *c) {
    CHECK(c->later == NULL);
    arena_free(&c->arena);
    free(c);
}

/* --- people --- */

struct person *room_person(const struct room *r, struct str jid) {
    return map_get(&r->people, jid);
}

enum affiliation room_affiliation(const struct room *r, struct str bare) {
    const struct person *p = room_person(r, bare);
    if (!p || p->affiliation == AFFILIATION_NONE) {
        const struct person *domain = room_person(r, jid_domain(jid_trusted(bare)));
        if (domain && domain->affiliation == AFFILIATION_OUTCAST) return AFFILIATION_OUTCAST;
    }
    return p ? p->affiliation : AFFILIATION_NONE;
}

uint32_t room_owners(const struct room *r) {
    uint32_t owners = 0;
    size_t at = 0;
    for (const struct person *p; (p = map_next(&r->people, &at));) owners += p->affiliation == AFFILIATION_OWNER;
    return owners;
}

void room_person_set(struct room *r, const struct room_person *row) {
    struct person *p = NULL;
    if (row->affiliation != AFFILIATION_NONE || str_some(row->nick)) p = person_new(row);
    struct person *old = map_remove(&r->people, row->jid);
    if (old && old->nick_len) map_remove(&r->reserved, person_nick(old));
    free(old);
    if (p) person_add(r, p);
}

static const struct str affiliation_names[] = {STR_INIT("outcast"), STR_INIT("none"), STR_INIT("member"),
                                               STR_INIT("admin"), STR_INIT("owner")};
static const struct str role_names[] = {STR_INIT("none"), STR_INIT("visitor"), STR_INIT("participant"),
                                        STR_INIT("moderator")};

struct str affiliation_name(enum affiliation a) {
    return affiliation_names[a - AFFILIATION_OUTCAST];
}

struct str role_name(enum role role) {
    return role_names[role];
}

bool affiliation_of(struct str name, enum affiliation *out) {
    for (int a = AFFILIATION_OUTCAST; a <= AFFILIATION_OWNER; a++) {
        if (!str_eq(name, affiliation_name((enum affiliation)a))) continue;
        *out = (enum affiliation)a;
        return true;
    }
    return false;
}

bool role_of(struct str name, enum role *out) {
    for (int role = ROLE_NONE; role <= ROLE_MODERATOR; role++) {
        if (!str_eq(name, role_name((enum role)role))) continue;
        *out = (enum role)role;
        return true;
    }
    return false;
}

enum role room_role_for(const struct room *r, enum affiliation a) {
    if (a == AFFILIATION_OUTCAST) return ROLE_NONE;
    if (a >= AFFILIATION_ADMIN) return ROLE_MODERATOR;
    if (a == AFFILIATION_MEMBER) return ROLE_PARTICIPANT;
    if (config_is(&r->config, OPTION_MEMBERS_ONLY)) return ROLE_NONE;
    return config_is(&r->config, OPTION_MODERATED) ? ROLE_VISITOR : ROLE_PARTICIPANT;
}

struct sitter *room_sitter(const struct room *r, struct jid full) {
    return map_get(&r->fulls, jid_str(full));
}

struct occupant *room_by_nick(const struct room *r, struct str nick) {
    return map_get(&r->nicks, nick);
}

struct occupant *room_by_bare(const struct room *r, struct str bare) {
    return map_get(&r->bares, bare);
}

struct occupant *occupant_new(struct room *r, struct str nick, struct str bare, enum role role) {
    struct occupant *o = calloc(1, sizeof *o);
    CHECK(o != NULL);
    o->room = r;
    o->number = ++r->numbers;
    o->role = role;
    o->nick = copy_of(nick);
    o->bare = copy_of(bare);
    list_init(&o->sitters);
    list_append(&r->occupants, &o->in_room);
    r->occupant_count++;
    map_put(&r->nicks, str_c(o->nick), o);
    map_put(&r->bares, str_c(o->bare), o);
    return o;
}

static uint16_t sitter_shard(const struct sitter *s) {
    return home_of(s->occupant->room->im->shard->hub, str_c(s->occupant->bare))->index;
}

struct sitter *occupant_sit(struct occupant *o, struct jid full) {
    struct str text = jid_str(full);
    struct sitter *s = calloc(1, sizeof *s + text.len);
    CHECK(s != NULL);
    s->occupant = o;
    s->len = (uint16_t)text.len;
    memcpy(s->full, text.p, text.len);
    list_append(&o->sitters, &s->in_occupant);
    map_put(&o->room->fulls, str_of(s->full, s->len), s);
    o->room->sitters_at[sitter_shard(s)]++;
    return s;
}

static void sitter_free(struct sitter *s) {
    struct room *r = s->occupant->room;
    r->sitters_at[sitter_shard(s)]--;
    map_remove(&r->fulls, str_of(s->full, s->len));
    list_remove(&s->in_occupant);
    free(s);
}

void sitter_leave(struct turn *turn, struct sitter *s) {
    (void)turn;
    sitter_free(s);
}

void occupant_free(struct occupant *o) {
    struct room *r = o->room;
    LIST_EACH (&o->sitters, at, after) sitter_free(CONTAINER_OF(at, struct sitter, in_occupant));
    map_remove(&r->nicks, str_c(o->nick));
    map_remove(&r->bares, str_c(o->bare));
    list_remove(&o->in_room);
    r->occupant_count--;
    wire_unref(&o->closed);
    wire_unref(&o->open);
    buf_free(&o->shows);
    free(o->nick);
    free(o->bare);
    free(o);
}

void occupant_rename(struct occupant *o, struct str nick) {
    map_remove(&o->room->nicks, str_c(o->nick));
    free(o->nick);
    o->nick = copy_of(nick);
    map_put(&o->room->nicks, str_c(o->nick), o);
}

bool occupant_is_trusted(const struct occupant *o) {
    return o->role == ROLE_MODERATOR || str_eq(config_get(&o->room->config, OPTION_WHOIS), STR("anyone"));
}

/* --- sending --- */

int64_t room_next_sequence(struct turn *turn, struct room *r) {
    r->last_sequence = turn->wall_us > r->last_sequence ? turn->wall_us : r->last_sequence + 1;
    return r->last_sequence;
}

struct str room_archive_id(struct turn *turn, const struct room *r, int64_t sequence) {
    return archive_id_of(turn, -r->id, sequence);
}

void room_tell_all(struct turn *turn, struct room *r, const struct occupant *but, struct wire *closed,
                   struct wire *open) {
    for (uint16_t i = 0; i < turn->shard->hub->shard_count; i++) {
        if (r->sitters_at[i]) seats_all(turn, i, room_bare(r), but ? but->number : 0, closed, open);
    }
}

void room_tell(struct turn *turn, const struct sitter *s, enum seats_order order, struct wire *const *wires,
               uint32_t count) {
    const struct occupant *o = s->occupant;
    seats_tell(turn, order, room_bare(o->room), jid_trusted(str_of(s->full, s->len)), o->number, occupant_is_trusted(o),
               wires, count);
}

void room_tell_trusted(struct turn *turn, struct room *r, struct wire *wire) {
    LIST_EACH (&r->occupants, at, after) {
        const struct occupant *o = CONTAINER_OF(at, struct occupant, in_room);
        if (!occupant_is_trusted(o)) continue;
        LIST_EACH (&o->sitters, in, then)
            room_tell(turn, CONTAINER_OF(in, struct sitter, in_occupant), SEATS_TELL, &wire, 1);
    }
}

/* --- history --- */

static void history_drop_oldest(struct room *r) {
    struct wire **oldest = &r->history[r->history_head].wire;
    r->history_bytes -= (*oldest)->len;
    wire_unref(oldest);
    r->history_head = (r->history_head + 1) % r->history_cap;
    r->history_count--;
}

void room_remember(struct turn *turn, struct room *r, struct wire *said, int64_t sequence) {
    if (!r->history) {
        r->history_cap = HISTORY_MAX;
        r->history = calloc(HISTORY_MAX, sizeof *r->history);
        CHECK(r->history != NULL);
    }
    struct str delay = ARENA_CONCAT(turn->arena, STR("<delay xmlns='"), NS_DELAY, STR("' from='"), room_bare(r),
                                    STR("' stamp='"), datetime_format(turn->arena, sequence), STR("'/>"));
    struct wire *wire = wire_with_child(said, delay);
    while (r->history_count && (r->history_count == r->history_cap || r->history_bytes + wire->len > HISTORY_BYTES))
        history_drop_oldest(r);
    r->history[(r->history_head + r->history_count++) % r->history_cap] = (struct said){sequence, wire};
    r->history_bytes += wire->len;
}
