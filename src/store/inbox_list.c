/*
 * inbox_list.c: a page of conversations with the last message of each, from a fold (inbox.c). What came behind a last message tells
 * whether it was received, displayed, corrected or retracted; of that only the newest few rows are looked at.
 *
 * A reader's thread.
 */
#include <stdlib.h>

#include "base/err.h"
#include "store/archive.h"
#include "store/inbox.h"
#include "xml/parser.h"
#include "xmpp/ns.h"

enum { BEHIND_MAX = 16 };

struct listing {
    const struct inbox *inbox;
    const struct inbox_query *query;
    struct arena *arena; /* of one entry */
    struct inbox_entry entry;
    struct str id; /* of the last message, as its sender gave it */
    bool is_found, is_mine;
};

/* --- which --- */

static bool is_listed(const struct inbox_conversation *c, const struct inbox_query *q) {
    return c->changed > q->since && (!q->unread_only || c->unread > 0);
}

static int newest_first(const void *left, const void *right) {
    const struct inbox_conversation *a = *(const struct inbox_conversation *const *)left,
                                    *b = *(const struct inbox_conversation *const *)right;
    return (a->newest < b->newest) - (a->newest > b->newest);
}

/* All that match, and the totals. In the inbox's order of nothing. */
static uint32_t conversations_choose(const struct inbox *inbox, const struct inbox_query *q,
                                     const struct inbox_conversation **chosen, struct inbox_totals *out) {
    uint32_t count = 0;
    size_t at = 0;
    for (const struct inbox_conversation *c; (c = map_next(&inbox->by_peer, &at));) {
        if (c->newest <= inbox->gone) continue;
        out->conversations++;
        out->unread += c->unread;
        if (c->unread) out->unread_conversations++;
        if (!is_listed(c, q)) continue;
        out->matching++;
        if (q->before == 0 || c->newest < q->before) chosen[count++] = c;
    }
    return count;
}

/* --- the message, and what is said about it --- */

static bool take_message(void *arg, const struct archive_row *row) {
    struct listing *l = arg;
    l->is_found = true;
    l->is_mine = row->flags & ARCHIVE_OUT;
    l->entry.peer = arena_dup(l->arena, row->peer);
    l->entry.stanza = arena_dup(l->arena, row->stanza);
    const struct xml_node *el = xml_parse_own(l->arena, l->entry.stanza);
    l->id = el ? xml_attr(el, STR("id")) : STR_NONE;
    return true;
}

/* The newest rows behind the last message, newest first. */
struct behind {
    struct str stanza;
    const struct xml_node *el; /* NULL: unreadable */
    bool is_mine;
};

static bool names(const struct xml_node *el, struct str ns, struct str name, struct str id) {
    const struct xml_node *child = xml_child(el, ns, name);
    return child && str_some(id) && str_eq(xml_attr(child, STR("id")), id);
}

static enum inbox_tick tick_of(const struct xml_node *el, struct str id) {
    if (names(el, NS_MARKERS, STR("displayed"), id) || names(el, NS_MARKERS, STR("acknowledged"), id))
        return INBOX_DISPLAYED;
    return names(el, NS_RECEIPTS, STR("received"), id) || names(el, NS_MARKERS, STR("received"), id) ? INBOX_RECEIVED
                                                                                                     : INBOX_SENT;
}

static bool changes(const struct xml_node *el, struct str id) {
    return names(el, STR("urn:xmpp:message-correct:0"), STR("replace"), id) ||
           names(el, STR("urn:xmpp:message-retract:1"), STR("retract"), id);
}

static void raise_tick(enum inbox_tick *tick, enum inbox_tick to) {
    if (to > *tick) *tick = to;
}

/* What the other side says of one's last message, or of what one sent behind it (a correction). */
static void find_tick(struct listing *l, const struct behind *rows, int count) {
    for (int i = 0; i < count; i++) {
        if (rows[i].is_mine || !rows[i].el) continue;
        raise_tick(&l->entry.tick, tick_of(rows[i].el, l->id));
        for (int k = i + 1; k < count; k++)
            if (rows[k].is_mine && rows[k].el)
                raise_tick(&l->entry.tick, tick_of(rows[i].el, xml_attr(rows[k].el, STR("id"))));
    }
}

static void find_changer(struct listing *l, const struct behind *rows, int count) {
    for (int i = 0; i < count && !l->entry.changer.p; i++)
        if (rows[i].el && rows[i].is_mine == l->is_mine && changes(rows[i].el, l->id))
            l->entry.changer = rows[i].stanza;
}

static int look_behind(struct db *db, struct listing *l) {
    const struct inbox_conversation *c = l->entry.conversation;
    if (c->changed <= c->newest || !str_some(l->id)) return 0;
    struct db_statement *s =
        db_prepare(db, "SELECT r.flags, m.stanza FROM archive_rows r CROSS JOIN messages m WHERE m.id = r.message AND "
                       "r.account = ?1 AND (r.peer, r.sequence) > (?2, ?3) AND (r.peer, r.sequence) <= (?2, ?4) AND "
                       "r.flags & 4 = 0 ORDER BY r.peer DESC, r.sequence DESC LIMIT ?5");
    db_bind_int(s, 1, l->inbox->account);
    db_bind_int(s, 2, c->peer);
    db_bind_int(s, 3, c->newest);
    db_bind_int(s, 4, l->query->to);
    db_bind_int(s, 5, BEHIND_MAX);
    struct behind rows[BEHIND_MAX];
    int got, count = 0;
    for (; (got = db_step(s)) == 1; count++) {
        struct str stanza = arena_dup(l->arena, db_blob(s, 1));
        rows[count] = (struct behind){stanza, xml_parse_own(l->arena, stanza), db_int(s, 0) & ARCHIVE_OUT};
    }
    db_finish(s);
    if (l->is_mine) find_tick(l, rows, count);
    find_changer(l, rows, count);
    return got < 0 ? got : 0;
}

static int entry_read(struct db *db, struct listing *l, const struct inbox_conversation *c) {
    bool complete;
    int64_t at = c->newest;
    l->entry = (struct inbox_entry){.conversation = c};
    l->is_found = false;
    int err = archive_query(db, &(struct archive_query){.account = l->inbox->account, .from = at, .to = at, .max = 1},
                            take_message, l, &complete);
    if (!err && l->is_found) err = look_behind(db, l);
    if (!l->query->messages) l->entry.stanza = l->entry.changer = STR_NONE;
    return err;
}

/* --- the page --- */

static int entries_deliver(struct db *db, struct listing *l, const struct inbox_conversation **chosen, uint32_t count,
                           bool (*each)(void *arg, const struct inbox_entry *entry), void *arg, bool *out_complete) {
    uint32_t n = 0;
    bool more = true;
    for (; more && n < count && n < l->query->max; n++) {
        struct arena_mark mark = arena_mark(l->arena);
        int err = entry_read(db, l, chosen[n]);
        if (err) return err;
        if (l->is_found) more = each(arg, &l->entry);
        arena_release(l->arena, mark);
    }
    *out_complete = n == count;
    return 0;
}

static int newest_row(struct db *db, int64_t account, int64_t to, int64_t *out) {
    struct db_statement *s = db_prepare(db, "SELECT sequence FROM archive_rows WHERE account = ?1 AND sequence <= ?2 "
                                            "AND flags & 4 = 0 ORDER BY sequence DESC LIMIT 1");
    db_bind_int(s, 1, account);
    db_bind_int(s, 2, to);
    int got = db_step(s);
    *out = got == 1 ? db_int(s, 0) : 0;
    db_finish(s);
    return got < 0 ? got : 0;
}

int inbox_list(struct db *db, const struct inbox *inbox, const struct inbox_query *query,
               bool (*each)(void *arg, const struct inbox_entry *entry), void *arg, struct inbox_totals *out) {
    struct listing l = {.inbox = inbox, .query = query, .arena = arena_new()};
    *out = (struct inbox_totals){0};
    const struct inbox_conversation **chosen =
        arena_alloc(l.arena, (map_count(&inbox->by_peer) + 1) * sizeof(struct inbox_conversation *));
    uint32_t count = conversations_choose(inbox, query, chosen, out);
    qsort(chosen, count, sizeof(struct inbox_conversation *), newest_first);
    int err = newest_row(db, inbox->account, query->to, &out->archive);
    /* A mark that moved after the place that this is about: who asks since then sees it again. */
    out->state = inbox->changed <= query->to && inbox->changed > out->archive ? inbox->changed : out->archive;
    if (out->archive <= inbox->gone) out->archive = 0;
    if (!err) err = entries_deliver(db, &l, chosen, count, each, arg, &out->complete);
    arena_free(&l.arena);
    return err;
}
