/*
 * archive_retract.c: tombstones (XEP-0424). A message is one row with both owners, so both archives lose it at once. What must hold: only
 * what the author of the retraction sent in that same conversation goes; a place in an archive stays what it was, and what it counted for;
 * and whatever a retraction names, it costs the writer a few looks into indexes, or a few dozen rows.
 *
 * Writer thread, inside the job that keeps the retraction.
 */
#include "store/archive.h"

#include <string.h>

#include "base/buf.h"
#include "base/codec.h"
#include "base/err.h"
#include "store/accounts.h"
#include "store/archive_index.h"
#include "store/inbox.h"
#include "xml/writer.h"
#include "xml/parser.h"
#include "xmpp/ns.h"

enum {
    LOOKS = 64,             /* rows of the conversation, from the newest, where no index knows the name... */
    LOOK_BYTES = 256 << 10, /* ... and of their stanzas: less than half a millisecond */
    CORRECTIONS_MAX = 100
};

/* What a retraction is about. */
struct retraction {
    struct db *db;
    struct arena *arena;
    const struct archive_entry *entry;
    struct str target; /* id of the message that goes */
    struct str id;     /* the retraction's own; may be empty */
    int64_t author;    /* 0: not a local account */
    int64_t time_us;
};

/* A message that may be meant. */
struct candidate {
    int64_t message;
    struct xml_node *el;
};

static struct str origin_id(const struct xml_node *el) {
    const struct xml_node *origin = xml_child(el, NS_SID, STR("origin-id"));
    return origin ? xml_attr(origin, STR("id")) : STR_NONE;
}

static bool retraction_read(struct retraction *r) {
    struct xml_node *el = xml_parse_own(r->arena, r->entry->stanza);
    const struct xml_node *retract = el ? xml_child(el, NS_RETRACT, STR("retract")) : NULL;
    if (!retract) return false;
    r->target = xml_attr(retract, STR("id"));
    r->id = xml_attr(el, STR("id"));
    r->time_us = r->entry->in.account ? r->entry->in.sequence : r->entry->out.sequence;
    return str_some(r->target);
}

static bool is_to_oneself(const struct archive_entry *entry) {
    return entry->in.flags & ARCHIVE_OUT;
}

/* Whoever keeps nothing today may have kept it then. */
static int author_find(struct retraction *r) {
    const struct archive_entry *entry = r->entry;
    r->author = is_to_oneself(entry) ? entry->in.account : entry->out.account;
    if (r->author) return 0;
    struct account_row row;
    int err = accounts_find(r->db, entry->in.peer, &row);
    if (!err) r->author = row.id;
    return err == ERR_NOT_FOUND ? 0 : err;
}

/* --- tombstones --- */

/* What is left of a message, and nothing else: then the first retraction has said when. */
static bool is_tombstone(const struct xml_node *el) {
    bool is = false;
    for (const struct xml_node *c = xml_first_element(el); c; c = xml_next_element(c)) {
        bool is_mark = xml_is(c, NS_RETRACT, STR("retracted"));
        if (!is_mark && !xml_is(c, NS_SID, STR("origin-id"))) return false;
        is |= is_mark;
    }
    return is;
}

/* Who to whom, when, the ids by which others name it, and that it has been retracted. */
static struct str tombstone(const struct retraction *r, const struct xml_node *el) {
    struct xml_node *left = xml_new(r->arena, el->ns, el->name);
    static const struct str kept[] = {STR_INIT("from"), STR_INIT("to"), STR_INIT("type"), STR_INIT("id")};
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        struct str value = xml_attr(el, kept[i]);
        if (value.p) xml_set(r->arena, left, kept[i], value);
    }
    struct xml_node *retracted = xml_add(r->arena, left, NS_RETRACT, STR("retracted"));
    xml_set(r->arena, retracted, STR("stamp"), datetime_format(r->arena, r->time_us));
    if (str_some(r->id)) xml_set(r->arena, retracted, STR("id"), r->id);
    struct str origin = origin_id(el);
    if (str_some(origin)) xml_set(r->arena, xml_add(r->arena, left, NS_SID, STR("origin-id")), STR("id"), origin);
    return xml_string(r->arena, left, STR_NONE);
}

static int bury(const struct retraction *r, const struct candidate *c) {
    if (is_tombstone(c->el)) return 0;
    struct db_statement *s = db_prepare(r->db, "UPDATE messages SET stanza = ?2 WHERE id = ?1");
    db_bind_int(s, 1, c->message);
    db_bind_blob(s, 2, tombstone(r, c->el));
    return db_run(s);
}

/* --- one message --- */

enum { OUT_ACCOUNT, OUT_PEER, IN_ACCOUNT, IN_PEER, STANZA };

/* Sent by the same to the same. Either side's word is enough: the other may have let go of it. */
static bool is_theirs(const struct retraction *r, struct db_statement *s) {
    const struct archive_owner *out = &r->entry->out, *in = &r->entry->in;
    bool by_recipient = in->account && db_int(s, IN_ACCOUNT) == in->account && str_eq(db_text(s, IN_PEER), in->peer);
    bool by_author = r->author && !is_to_oneself(r->entry) && db_int(s, OUT_ACCOUNT) == r->author &&
                     str_eq(db_text(s, OUT_PEER), out->peer);
    return by_recipient || by_author;
}

/* 1: it is the author's, in this conversation, and no retraction; 0: it is not, or is gone. */
static int candidate_read(const struct retraction *r, int64_t message, struct candidate *out) {
    struct db_statement *s =
        db_prepare(r->db, "SELECT out_account, out_peer, in_account, in_peer, stanza FROM messages WHERE id = ?1");
    db_bind_int(s, 1, message);
    int got = db_step(s);
    *out = (struct candidate){message, NULL};
    if (got == 1 && is_theirs(r, s)) out->el = xml_parse_own(r->arena, arena_dup(r->arena, db_blob(s, STANZA)));
    db_finish(s);
    if (got < 0) return got;
    return out->el && !xml_child(out->el, NS_RETRACT, STR("retract"));
}

static bool is_named(const struct retraction *r, const struct xml_node *el) {
    return str_eq(xml_attr(el, STR("id")), r->target) || str_eq(origin_id(el), r->target);
}

static bool corrects(const struct retraction *r, const struct xml_node *el) {
    const struct xml_node *replace = xml_child(el, NS_CORRECT, STR("replace"));
    return replace && str_eq(xml_attr(replace, STR("id")), r->target);
}

typedef bool (*is_meant)(const struct retraction *r, const struct xml_node *el);

/* 1: it was meant, and is buried. */
static int bury_if(const struct retraction *r, int64_t message, is_meant test) {
    struct arena_mark mark = arena_mark(r->arena);
    struct candidate c;
    int got = candidate_read(r, message, &c);
    if (got == 1) got = test(r, c.el);
    int err = got == 1 ? bury(r, &c) : got;
    arena_release(r->arena, mark);
    return err < 0 ? err : got;
}

/* --- where it may be --- */

/* An account that may know the names of what the author sent, and the hash under which it does. */
struct place {
    int64_t account, key;
};

static int places(const struct retraction *r, struct place out[2]) {
    const struct archive_entry *entry = r->entry;
    struct archive_entry without = *entry;
    without.out.account = 0;
    int count = 0;
    if (r->author && !is_to_oneself(entry)) out[count++] = (struct place){r->author, (int64_t)entry->about};
    if (entry->in.account) out[count++] = (struct place){entry->in.account, archive_origin_key(&without, entry->about)};
    return count;
}

static int bury_origin(const struct retraction *r, const struct place *p) {
    int64_t message = 0;
    int err = archive_index_find_origin(r->db, p->account, p->key, &message);
    if (err != ERR_EXISTS) return err;
    return message ? bury_if(r, message, is_named) : 0;
}

static int corrections_read(const struct retraction *r, const struct place *p, int64_t out[CORRECTIONS_MAX]) {
    struct db_statement *s = db_prepare(r->db, "SELECT message FROM archive_corrections WHERE account = ?1 AND "
                                               "target = ?2 ORDER BY message DESC LIMIT ?3");
    db_bind_int(s, 1, p->account);
    db_bind_int(s, 2, p->key);
    db_bind_int(s, 3, CORRECTIONS_MAX);
    int count = 0, got;
    while ((got = db_step(s)) == 1) out[count++] = db_int(s, 0);
    db_finish(s);
    return got < 0 ? got : count;
}

/* Its text must not outlive the message that it is about. */
static int bury_corrections(const struct retraction *r, const struct place *p) {
    int64_t found[CORRECTIONS_MAX];
    int count = corrections_read(r, p, found), got = count;
    for (int i = 0; got >= 0 && i < count; i++) got = bury_if(r, found[i], corrects);
    return got < 0 ? got : 0;
}

/* --- looking through the last of the conversation --- */

static bool holds(struct str bytes, struct str part) {
    return memmem(bytes.p, bytes.len, part.p, part.len) != NULL;
}

static struct str escaped(struct arena *arena, struct str value) {
    struct buf bytes = {0};
    xml_escape_value(&bytes, value);
    struct str copy = arena_dup(arena, buf_str(&bytes));
    buf_free(&bytes);
    return copy;
}

/* owner: the retraction's own row. What it may be about lies before it, with the same peer, and came from the same side. */
static int rows_read(const struct retraction *r, const struct archive_owner *owner, int64_t out[LOOKS]) {
    struct db_statement *s = db_prepare(
        r->db, "SELECT r.flags, m.id, m.stanza FROM archive_rows r CROSS JOIN messages m WHERE m.id = r.message AND "
               "r.account = ?1 AND (r.peer, r.sequence) > (?2, 0) AND (r.peer, r.sequence) < (?2, ?3) "
               "ORDER BY r.peer DESC, r.sequence DESC LIMIT ?4");
    db_bind_int(s, 1, owner->account);
    db_bind_int(s, 2, archive_peer_hash(owner->peer));
    db_bind_int(s, 3, owner->sequence);
    db_bind_int(s, 4, LOOKS);
    struct str written = escaped(r->arena, r->target); /* as it stands in serialised bytes */
    size_t bytes = 0;
    int count = 0, got = 0;
    while (bytes < LOOK_BYTES && (got = db_step(s)) == 1) {
        if (((unsigned)db_int(s, 0) & ARCHIVE_OUT) != (owner->flags & ARCHIVE_OUT)) continue;
        struct str stanza = db_blob(s, 2);
        bytes += stanza.len;
        if (holds(stanza, written)) out[count++] = db_int(s, 1);
    }
    db_finish(s);
    return got < 0 ? got : count;
}

static int bury_recent(const struct retraction *r) {
    const struct archive_owner *owner = r->entry->in.account ? &r->entry->in : &r->entry->out;
    int64_t found[LOOKS];
    int err = archive_index_ready(r->db, owner->account);
    int count = err ? err : rows_read(r, owner, found), got = count < 0 ? count : 0;
    for (int i = 0; got == 0 && i < count; i++) got = bury_if(r, found[i], is_named);
    return got < 0 ? got : 0;
}

static int find_and_bury(const struct retraction *r) {
    struct place where[2];
    int count = places(r, where), got = 0, err = 0;
    bool is_found = false;
    /* As a rule one knows it; both when each has a message of its own (store/pie_import.c). */
    for (int i = 0; got >= 0 && i < count; i++) {
        got = bury_origin(r, &where[i]);
        is_found |= got == 1;
    }
    err = got < 0 ? got : is_found ? 0 : bury_recent(r);
    for (int i = 0; !err && i < count; i++) err = bury_corrections(r, &where[i]);
    return err;
}

int archive_retract(struct db *db, const struct archive_entry *entry) {
    struct retraction r = {.db = db, .arena = arena_new(), .entry = entry};
    int err = entry->about && retraction_read(&r) ? author_find(&r) : ERR_NOT_FOUND;
    if (!err) err = find_and_bury(&r);
    arena_free(&r.arena);
    return err == ERR_NOT_FOUND ? 0 : err;
}

int archive_correct(struct db *db, const struct archive_entry *entry) {
    int64_t account = entry->out.account ? entry->out.account : entry->in.account;
    struct db_statement *s = db_prepare(db, "INSERT INTO archive_corrections (message, account, target) "
                                            "SELECT max(id), ?1, ?2 FROM messages"); /* it is the newest */
    db_bind_int(s, 1, account);
    db_bind_int(s, 2, archive_origin_key(entry, entry->about));
    return db_run(s);
}
