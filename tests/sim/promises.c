/*
 * promises.c: what must hold, seen from outside: on the wire, in the database after each commit, and in the messages between shards. The numbers
 * are those of the promises in the design: 1 stored before delivered and acknowledged, 2 h is a prefix, 3 both archives or none,
 * once, 4 ids, 5 order, 6 one answer.
 */
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "im/router.h"
#include "im/session.h"
#include "xmpp/ns.h"

/* --- notes and their names --- */

static struct note *note_by_name(struct world *w, struct str name) {
    unsigned long long number;
    if (name.len < 2 || name.p[0] != 'm' || !str_to_u64(str_from(name, 1), NOTES_MAX, &number)) return NULL;
    return number < w->note_count ? &w->notes[number] : NULL;
}

struct note *promise_note(struct world *w, const struct xml_node *message) {
    if (str_eq(xml_attr(message, STR("type")), STR("error"))) return note_by_name(w, xml_attr(message, STR("id")));
    return note_by_name(w, xml_child_text(w->scratch, message, NS_CLIENT, STR("body")));
}

/* --- 2: each fate is told once --- */

struct outcome {
    char key[16];
    bool told;
};

static struct str fate_key(const struct origin *o, char out[16]) {
    uint32_t parts[4] = {o->shard, o->session, o->session_gen, o->number};
    memcpy(out, parts, 16);
    return str_of(out, 16);
}

static void fate_opened(struct world *w, const struct origin *origin) {
    struct outcome *f = calloc(1, sizeof *f);
    CHECK(f != NULL);
    if (map_put(&w->fates, fate_key(origin, f->key), f)) world_fail(w, "(2) a stanza went on its way twice");
}

static void fate_told(struct world *w, const struct origin *origin) {
    char key[16];
    struct outcome *f = map_get(&w->fates, fate_key(origin, key));
    if (!f) world_fail(w, "(2) the fate of a stanza that was never sent is told");
    if (f->told) world_fail(w, "(2) a stanza is decided twice");
    f->told = true;
}

void promise_posted(struct world *w, struct msg *msg) {
    if (msg->type == MSG_STANZA) {
        const struct msg_stanza *m = (const struct msg_stanza *)msg;
        if (m->origin.flags & ORIGIN_KEPT) fate_opened(w, &m->origin);
    } else if (msg->type == MSG_DECIDED) {
        fate_told(w, &((const struct msg_decided *)msg)->origin);
    }
}

static void fates_end(struct world *w) {
    size_t at = 0;
    for (struct outcome *f; (f = map_next(&w->fates, &at));) {
        if (!f->told) world_fail(w, "(2) the fate of a stanza was never told");
        free(f);
    }
    map_free(&w->fates);
}

/* --- 1, 2: what the server writes --- */

static unsigned ids_by(const struct xml_node *el, struct str by) {
    unsigned count = 0;
    for (const struct xml_node *id = xml_child(el, NS_SID, STR("stanza-id")); id; id = xml_again(id))
        if (str_eq(xml_attr(id, STR("by")), by)) count++;
    return count;
}

static void live_written(struct cable *c, struct note *n, const struct xml_node *el) {
    struct world *w = c->world;
    if (n->to != c->client->person) world_fail(w, "m%u is delivered to %s", n->number, c->client->person->bare);
    if (n->must_refuse) world_fail(w, "m%u is delivered to one who blocks its author", n->number);
    if (n->kept && n->rows == 0) world_fail(w, "(1) m%u is delivered before its commit", n->number);
    if (ids_by(el, str_c(n->to->bare)) != (n->kept ? 1 : 0))
        world_fail(w, "(4) m%u has the wrong stanza-ids", n->number);
}

static void message_written(struct cable *c, const struct xml_node *el) {
    const struct xml_node *result = xml_child(el, NS_MAM, STR("result"));
    if (result) {
        const struct xml_node *forwarded = xml_child(result, NS_FORWARD, STR("forwarded"));
        const struct note *n = promise_note(c->world, xml_child(forwarded, NS_CLIENT, STR("message")));
        if (!n || n->rows == 0) world_fail(c->world, "(1) a page shows what is not committed");
        return;
    }
    struct note *n = promise_note(c->world, el);
    if (!n) return;
    if (str_eq(xml_attr(el, STR("type")), STR("error"))) {
        if (n->from == c->client->person) n->refused = true;
    } else {
        live_written(c, n, el);
    }
}

/* The error about it waits for room, or for its turn, in the outbox of that session: it is lost only with the session, as on a dead socket. */
static bool refusal_is_queued(const struct cable *c, const struct note *n) {
    const struct stream *stream = c->owner;
    const struct outbox *box = c->server_gone || !stream->session ? NULL : &stream->session->outbox;
    for (uint32_t i = box ? box->written : 0; box && i < box->count; i++) {
        const struct wire *wire = outbox_at(box, i)->wire;
        const struct xml_node *el =
            cable_parse(c->world->scratch, arena_dup(c->world->scratch, str_of(wire->bytes, wire->len)));
        if (str_eq(xml_attr(el, STR("type")), STR("error")) && promise_note(c->world, el) == n) return true;
    }
    return false;
}

/* All that this h newly counts must be decided; an error may follow in the same turn, out of what waits for a session that returns. */
static void handled_written(struct cable *c, const struct xml_node *el) {
    unsigned long long h = 0;
    struct record *r = c->record;
    if (!str_to_u64(xml_attr(el, STR("h")), UINT32_MAX, &h) || !r) return;
    if (h > r->sent_count) world_fail(c->world, "(2) %s: h=%llu, but %u were sent", r->full, h, r->sent_count);
    if (h < r->told) world_fail(c->world, "(2) %s: h=%llu after %u", r->full, h, r->told);
    for (; r->told < h; r->told++) {
        struct note *n = r->sent[r->told].note;
        if (!n || !n->kept || n->rows > 0 || n->refused || n->from->has_blocked[n->to->index]) continue;
        if ((n->refused = refusal_is_queued(c, n))) continue;
        c->world->doubtful = n;
        c->world->doubter = c;
    }
}

void promise_turn_ended(struct world *w) {
    const struct note *n = w->doubtful;
    w->doubtful = NULL;
    if (n && !n->refused && !refusal_is_queued(w->doubter, n))
        world_fail(w, "(2) m%u is counted, and is neither stored nor refused", n->number);
}

void promise_written(struct cable *c, const struct xml_node *el) {
    if (str_eq(el->ns, NS_CLIENT) && str_eq(el->name, STR("message"))) {
        message_written(c, el);
    } else if (xml_is(el, NS_SM, STR("a")) || xml_is(el, NS_SM, STR("resumed"))) {
        handled_written(c, el);
    } else if (xml_is(el, NS_SASL2, STR("success"))) {
        const struct xml_node *resumed = xml_child(el, NS_SM, STR("resumed"));
        if (!resumed) c->record = NULL; /* another one will begin */
        if (resumed) handled_written(c, resumed);
    } else if (xml_is(el, NS_SM, STR("failed"))) {
        c->record = NULL;
    }
}

/* --- 3, 5: what is in the database --- */

static bool is_of(const struct note *n, int64_t out_account, int64_t in_account) {
    return out_account == (n->from == n->to ? 0 : n->from->id) && in_account == n->to->id;
}

/*
 * Whose order is not certain: one who does not count gives up what it sent over a connection that broke, and the server may still find
 * it there; a refusal (by a block) may have been lost with its session, and what was refused comes again when the block is lifted.
 */
static bool is_stray(const struct note *n) {
    if (n->refused || n->from->has_blocked[n->to->index] || n->to->has_blocked[n->from->index]) return true;
    return n->by->kind == CLIENT_OLD_UNCOUNTED && n->in != n->by->record;
}

/* Against what its author wrote to the same person before. */
static void row_order(struct world *w, const struct note *n) {
    if (is_stray(n)) return; /* or sent again after a refusal that its author never saw: its place is then now */
    for (unsigned i = 0; i < w->note_count; i++) {
        const struct note *o = &w->notes[i];
        if (o->by != n->by || o->to != n->to || o->rows == 0 || o == n || is_stray(o)) continue;
        bool after = n->number > o->number;
        if (after != (n->in_sequence > o->in_sequence) ||
            (n->from != n->to && after != (n->out_sequence > o->out_sequence)))
            world_fail(w, "(5) m%u and m%u are archived in the wrong order", o->number, n->number);
    }
}

static void row_committed(struct world *w, struct db_statement *s) {
    struct arena_mark mark = arena_mark(w->scratch);
    struct xml_scope scope = {.default_ns = STR_NONE};
    struct xml_limits limits = {UINT32_MAX, UINT16_MAX, UINT16_MAX, UINT32_MAX};
    struct xml_node *el;
    CHECK(xml_parse(w->scratch, arena_dup(w->scratch, db_blob(s, 5)), &scope, &limits, &el) == XML_OK);
    struct note *n = promise_note(w, el);
    CHECK(n != NULL);
    arena_release(w->scratch, mark);
    w->messages_seen = db_int(s, 0);
    n->out_sequence = db_int(s, 2);
    n->in_sequence = db_int(s, 4);
    world_tell(w, "m%u is committed (in %lld, out %lld)", n->number, (long long)n->in_sequence,
               (long long)n->out_sequence);
    if (++n->rows > 1) world_fail(w, "(3) m%u is stored twice", n->number);
    if (!n->kept) world_fail(w, "m%u is stored against its author's wish", n->number);
    if (n->must_refuse) world_fail(w, "m%u is stored for one who blocks its author", n->number);
    if (!is_of(n, db_int(s, 1), db_int(s, 3))) world_fail(w, "(3) m%u is not in both archives", n->number);
    row_order(w, n);
}

/* The mark of those who read no archives: not past what no client has acknowledged. */
static void mark_committed(struct world *w, struct person *p) {
    for (unsigned i = 0; p->old && i < w->note_count; i++) {
        const struct note *n = &w->notes[i];
        if (n->to == p && n->rows && n->in_sequence <= p->mark && !n->proven)
            world_fail(w, "the mark of %s is past m%u, which nobody acknowledged", p->bare, n->number);
    }
}

void promise_committed(struct world *w) {
    struct db *db = store_db(w->server.store);
    struct db_statement *s =
        db_prepare(db, "SELECT id, out_account, out_sequence, in_account, in_sequence, stanza FROM messages "
                       "WHERE id > ?1 ORDER BY id");
    db_bind_int(s, 1, w->messages_seen);
    while (db_step(s) == 1) row_committed(w, s);
    db_finish(s);
    s = db_prepare(db, "SELECT id, offline_mark FROM accounts");
    while (db_step(s) == 1) {
        for (unsigned i = 0; i < w->person_count; i++) {
            struct person *p = &w->people[i];
            if (p->id != db_int(s, 0) || p->mark == db_int(s, 1)) continue;
            p->mark = db_int(s, 1);
            mark_committed(w, p);
        }
    }
    db_finish(s);
}

/* --- 3, 5: what a client reads --- */

void promise_read(struct client *c, struct note *n, bool delayed) {
    struct record *r = c->record;
    unsigned *newest = &r->newest[n->from->index][n->by->index];
    n->received = true;
    if (!n->kept && n->resent) return; /* nobody remembers what is not kept */
    if (r->seen[n->number]) world_fail(c->world, "(3) %s gets m%u twice", r->full, n->number);
    r->seen[n->number] = true;
    if (delayed || is_stray(n)) return;
    if (n->number + 1 <= *newest) world_fail(c->world, "(5) %s gets m%u after m%u", r->full, n->number, *newest - 1);
    *newest = n->number + 1;
}

/* --- 6: answers --- */

struct question *promise_answered(struct client *c, struct str id) {
    unsigned long long number;
    struct world *w = c->world;
    if (id.len < 2 || id.p[0] != 'q' || !str_to_u64(str_from(id, 1), QUESTIONS_MAX, &number)) return NULL;
    struct question *q = &w->questions[number];
    if (q->record != c->record) return NULL; /* to an earlier session of the same address */
    if (++q->answers > 1) world_fail(w, "(6) q%llu of %s is answered twice", number, c->record->full);
    return q;
}

/* A client that had read it and then began anew, or does not count what it reads: only it knows. And who blocks answers nothing. */
static bool question_is_lost(const struct question *q) {
    const struct person *from = q->record->client->person;
    if (q->to && (from->has_blocked[q->to->index] || q->to->has_blocked[from->index])) return true;
    if (!q->target) return false;
    return !q->target->counts || (q->target->over && q->was_read);
}

static void questions_end(struct world *w) {
    for (unsigned i = 0; i < w->question_count; i++) {
        const struct question *q = &w->questions[i];
        if (q->record->over || q->answers == 1 || question_is_lost(q)) continue;
        world_fail(w, "(6) q%u of %s was never answered", i, q->record->full);
    }
}

/* --- the end --- */

static int by_place(const void *left, const void *right, void *arg) {
    const struct note *a = *(struct note *const *)left, *b = *(struct note *const *)right;
    const struct person *p = arg;
    int64_t x = a->to == p ? a->in_sequence : a->out_sequence, y = b->to == p ? b->in_sequence : b->out_sequence;
    return (x > y) - (x < y);
}

/* 4: one who read page after page has read all, in order, once. */
static void reader_end(struct client *c) {
    struct world *w = c->world;
    struct note *all[NOTES_MAX];
    unsigned count = 0;
    for (unsigned i = 0; i < w->note_count; i++)
        if (w->notes[i].rows && (w->notes[i].to == c->person || w->notes[i].from == c->person))
            all[count++] = &w->notes[i];
    qsort_r(all, count, sizeof(struct note *), by_place, c->person);
    for (unsigned i = 0; i < count; i++) {
        if (i < c->read_count && c->read[i] == all[i]) continue;
        world_fail(w, "(4) %s/%u has read m%d in the archive where m%u stands", c->person->bare, c->index,
                   i < c->read_count ? (int)c->read[i]->number : -1, all[i]->number);
    }
    if (c->read_count > count) world_fail(w, "(4) %s/%u has read more than there is", c->person->bare, c->index);
}

static void note_end(struct world *w, const struct note *n) {
    if (n->rows && !n->received) world_fail(w, "m%u never reached %s", n->number, n->to->bare);
    bool knows = n->by->kind != CLIENT_OLD_UNCOUNTED;
    if (knows && n->sent && !n->acked && !n->failed) world_fail(w, "(2) nobody knows what became of m%u", n->number);
    if (n->from->has_blocked[n->to->index]) return; /* errors of theirs were not let through */
    if (n->acked && n->kept && !n->refused && n->rows == 0)
        world_fail(w, "(1) m%u was acknowledged and is lost", n->number);
}

void promise_end(struct world *w) {
    for (unsigned i = 0; i < w->note_count; i++) note_end(w, &w->notes[i]);
    for (unsigned i = 0; i < w->person_count; i++)
        for (unsigned k = 0; k < w->people[i].client_count; k++)
            if (w->people[i].clients[k].kind == CLIENT_MODERN) reader_end(&w->people[i].clients[k]);
    questions_end(w);
    fates_end(w);
}
