/*
 * pie_export.c: the writing half of pie.h. A cursor over accounts, and over the parts of each, in the order of a table; every part is written in
 * pieces or is as small as one account's limits keep it.
 *
 * Reader threads, inside a job.
 */
#include "store/pie.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/codec.h"
#include "base/err.h"
#include "store/accounts.h"
#include "store/archive.h"
#include "store/documents.h"
#include "store/items.h"
#include "store/prefs.h"
#include "store/roster.h"
#include "xml/writer.h"
#include "xmpp/ns.h"

/* FILE_PIECE: whole groups of three bytes. */
enum { PIECE = 256 << 10, ROWS = 500, ITEMS = 50, MARKS = 500, FILE_PIECE = 3 << 15 };

struct pie_export {
    struct buf domain, only, user, node;
    bool all, credentials, is_begun, is_inside; /* is_inside: of user */
    struct account_row row;
    unsigned part;
    int64_t cursor;       /* of the part */
    struct slot_row slot; /* whose content is being written, or was last */
    uint64_t slot_offset;
    int handle; /* of that content; -1: between two files */
    struct blobs *blobs;
    int64_t generation;
    uint64_t users;
    struct arena *arena; /* of one call */
    struct buf *out;
    uint32_t count;
    bool is_full;
};

struct pie_export *pie_export_new(const struct pie_export_options *options) {
    struct pie_export *e = calloc(1, sizeof *e);
    CHECK(e != NULL);
    buf_add_str(&e->domain, options->domain);
    e->all = !options->only.p;
    if (!e->all) buf_add_str(&e->only, options->only);
    e->credentials = options->credentials;
    e->generation = options->generation;
    e->blobs = options->blobs;
    e->handle = -1;
    e->arena = arena_new();
    return e;
}

void pie_export_free(struct pie_export **slot) {
    struct pie_export *e = *slot;
    if (!e) return;
    *slot = NULL;
    blob_read_close(&e->handle);
    bytes_wipe(&e->row, sizeof e->row);
    buf_free(&e->domain);
    buf_free(&e->only);
    buf_free(&e->user);
    buf_free(&e->node);
    arena_free(&e->arena);
    free(e);
}

uint64_t pie_export_users(const struct pie_export *e) {
    return e->users;
}

/* --- writing --- */

static void put(struct pie_export *e, const char *text) {
    buf_add_str(e->out, str_c(text));
}

static void put_attr(struct pie_export *e, const char *name, struct str value) {
    buf_printf(e->out, " %s='", name);
    xml_escape_value(e->out, value);
    buf_add_char(e->out, '\'');
}

static void put_node(struct pie_export *e, const struct xml_node *el) {
    xml_write(e->out, el, STR_NONE, false);
    buf_add_char(e->out, '\n');
}

static bool goes_on(struct pie_export *e) {
    e->is_full = buf_len(e->out) >= PIECE;
    return !e->is_full;
}

/* --- the parts of an account: each 0 (done), 1 (call again) or an error --- */

static void put_keys(struct pie_export *e, enum hash hash, struct str mechanism, const struct scram_keys *keys) {
    if (!keys->iterations) return;
    struct arena *a = e->arena;
    struct xml_node *el = xml_new(a, NS_PIE_SCRAM, STR("scram-credentials"));
    xml_set(a, el, STR("mechanism"), mechanism);
    xml_add_text(a, xml_add(a, el, STR_NONE, STR("iter-count")), arena_printf(a, "%u", keys->iterations));
    const struct {
        struct str name, bytes;
    } parts[] = {{STR("salt"), str_of(keys->salt, keys->salt_len)},
                 {STR("server-key"), str_of(keys->server, hash_len(hash))},
                 {STR("stored-key"), str_of(keys->stored, hash_len(hash))}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        xml_add_text(a, xml_add(a, el, STR_NONE, parts[i].name), base64_encode(a, parts[i].bytes));
    put_node(e, el);
}

static int part_credentials(struct db *db, struct pie_export *e) {
    (void)db;
    if (!e->credentials) return 0;
    put_keys(e, HASH_SHA1, STR("SCRAM-SHA-1"), &e->row.sha1);
    put_keys(e, HASH_SHA256, STR("SCRAM-SHA-256"), &e->row.sha256);
    return 0;
}

static bool each_contact(void *arg, const struct roster_row *row) {
    static const char *const names[] = {"none", "to", "from", "both"};
    struct pie_export *e = arg;
    put(e, "<item");
    put_attr(e, "jid", row->jid);
    if (str_some(row->name)) put_attr(e, "name", row->name);
    put_attr(e, "subscription", str_c(names[row->flags & (ROSTER_TO | ROSTER_FROM)]));
    if (row->flags & ROSTER_ASK) put(e, " ask='subscribe'");
    if (row->flags & ROSTER_APPROVED) put(e, " approved='true'");
    put(e, ">");
    if (!(row->flags & ROSTER_LISTED)) put(e, "<unlisted xmlns='urn:confab:export:0'/>");
    for (struct str left = row->groups; str_some(left);) {
        struct str group = str_first(left, str_index(left, '\n'));
        left = str_from(left, group.len + 1);
        put(e, "<group>");
        xml_escape(e->out, group);
        put(e, "</group>");
    }
    put(e, "</item>\n");
    return true;
}

static int part_roster(struct db *db, struct pie_export *e) {
    put(e, "<query xmlns='jabber:iq:roster'>\n");
    int err = roster_each(db, e->row.id, each_contact, e);
    put(e, "</query>\n");
    return err;
}

static bool each_request(void *arg, struct str jid, struct str stanza) {
    (void)jid;
    struct pie_export *e = arg;
    buf_add_str(e->out, stanza);
    buf_add_char(e->out, '\n');
    return true;
}

static int part_requests(struct db *db, struct pie_export *e) {
    return requests_each(db, e->row.id, each_request, e);
}

static bool each_blocked(void *arg, struct str jid) {
    struct pie_export *e = arg;
    put(e, "<item");
    put_attr(e, "jid", jid);
    put(e, "/>");
    return true;
}

static int part_blocked(struct db *db, struct pie_export *e) {
    put(e, "<blocklist xmlns='urn:xmpp:blocking'>");
    int err = blocked_each(db, e->row.id, each_blocked, e);
    put(e, "</blocklist>\n");
    return err;
}

static bool each_document(void *arg, struct str name, struct str xml) {
    (void)name;
    struct pie_export *e = arg;
    buf_add_str(e->out, xml);
    buf_add_char(e->out, '\n');
    return true;
}

static int part_vcard(struct db *db, struct pie_export *e) {
    return documents_each(db, e->row.id, DOCUMENT_VCARD, each_document, e);
}

static int part_private(struct db *db, struct pie_export *e) {
    put(e, "<query xmlns='jabber:iq:private'>");
    int err = documents_each(db, e->row.id, DOCUMENT_PRIVATE, each_document, e);
    put(e, "</query>\n");
    return err;
}

struct lists {
    struct pie_export *export;
    struct xml_node *list[2]; /* never, always; or affiliations, subscriptions */
};

static bool each_listed(void *arg, const struct prefs_listed *listed) {
    struct lists *l = arg;
    struct arena *a = l->export->arena;
    xml_add_text(a, xml_add(a, l->list[listed->always], STR_NONE, STR("jid")), arena_dup(a, listed->jid));
    return true;
}

static int part_prefs(struct db *db, struct pie_export *e) {
    static const struct str names[] = {{NULL, 0}, STR_INIT("always"), STR_INIT("roster"), STR_INIT("never")};
    if (e->row.archive_policy < 1 || e->row.archive_policy > 3) return 0;
    struct xml_node *el = xml_new(e->arena, NS_MAM, STR("prefs"));
    xml_set(e->arena, el, STR("default"), names[e->row.archive_policy]);
    struct lists l = {.export = e};
    l.list[1] = xml_add(e->arena, el, STR_NONE, STR("always"));
    l.list[0] = xml_add(e->arena, el, STR_NONE, STR("never"));
    int err = prefs_each(db, e->row.id, each_listed, &l);
    put_node(e, el);
    return err;
}

/* --- publish-subscribe: how its nodes are wanted, then what is in them --- */

static bool each_person(void *arg, const struct person_row *row) {
    struct lists *l = arg;
    struct arena *a = l->export->arena;
    struct str jid = arena_dup(a, row->jid);
    if (row->affiliation) {
        struct xml_node *el = xml_add(a, l->list[0], STR_NONE, STR("affiliation"));
        xml_set(a, xml_set(a, el, STR("jid"), jid), STR("affiliation"), pubsub_affiliation_name(row->affiliation));
    }
    if (row->subscription) {
        struct xml_node *el = xml_add(a, l->list[1], STR_NONE, STR("subscription"));
        xml_set(a, xml_set(a, el, STR("jid"), jid), STR("subscription"), pubsub_subscription_name(row->subscription));
    }
    return true;
}

static int put_node_config(struct db *db, struct pie_export *e, const struct node_row *row) {
    static const struct str names[] = {STR_INIT("affiliations"), STR_INIT("subscriptions")};
    struct arena *a = e->arena;
    struct xml_node *el = xml_new(a, NS_PUBSUB_OWNER, STR("configure"));
    xml_set(a, el, STR("node"), row->name);
    xml_append(el,
               pubsub_config_form(a, STR("form"), STR("http://jabber.org/protocol/pubsub#node_config"), &row->config));
    put_node(e, el);
    struct lists l = {.export = e};
    for (int i = 0; i < 2; i++) {
        l.list[i] = xml_new(a, NS_PUBSUB_OWNER, names[i]);
        xml_set(a, l.list[i], STR("node"), row->name);
    }
    int err = people_each(db, row->id, each_person, &l);
    for (int i = 0; !err && i < 2; i++)
        if (l.list[i]->first) put_node(e, l.list[i]);
    return err;
}

struct nodes {
    struct pie_export *export;
    struct node_row *rows;
    uint32_t count, cap;
};

/* Behind the one where we are. */
static bool each_node(void *arg, const struct node_row *row) {
    struct nodes *n = arg;
    if (str_cmp(row->name, buf_str(&n->export->node)) <= 0) return true;
    n->rows[n->count++] = *row;
    return n->count < n->cap;
}

static int nodes_next(struct db *db, struct pie_export *e, struct nodes *n, uint32_t cap) {
    *n = (struct nodes){.export = e, .rows = arena_alloc(e->arena, cap * sizeof *n->rows), .cap = cap};
    return nodes_each(db, e->arena, e->row.id, each_node, n);
}

static void node_passed(struct pie_export *e, struct str name) {
    buf_clear(&e->node);
    buf_add_str(&e->node, name);
    e->cursor = 0;
}

static int part_nodes(struct db *db, struct pie_export *e) {
    struct nodes n;
    bool is_first = buf_len(&e->node) == 0;
    int err = nodes_next(db, e, &n, ROWS);
    if (!err && is_first && n.count) put(e, "<pubsub xmlns='http://jabber.org/protocol/pubsub#owner'>\n");
    uint32_t i = 0;
    for (; !err && i < n.count && goes_on(e); i++) {
        err = put_node_config(db, e, &n.rows[i]);
        node_passed(e, n.rows[i].name);
    }
    if (err || i < n.count || n.count == n.cap) return err ? err : 1;
    if (buf_len(&e->node)) put(e, "</pubsub>\n");
    buf_clear(&e->node);
    return 0;
}

static bool each_item(void *arg, const struct item_row *row) {
    struct pie_export *e = arg;
    put(e, "<item");
    put_attr(e, "id", row->name);
    put(e, ">");
    buf_add_str(e->out, row->xml);
    put(e, "</item>\n");
    e->cursor = row->sequence;
    e->count++;
    return goes_on(e);
}

/* One node at a time, some of its items. */
static int part_items(struct db *db, struct pie_export *e) {
    struct nodes n;
    bool is_first = buf_len(&e->node) == 0 && e->cursor == 0;
    int err = nodes_next(db, e, &n, 1);
    if (err) return err;
    if (n.count == 0) {
        if (!is_first) put(e, "</pubsub>\n");
        buf_clear(&e->node);
        return 0;
    }
    if (is_first) put(e, "<pubsub xmlns='http://jabber.org/protocol/pubsub'>\n");
    if (e->cursor == 0) {
        put(e, "<items");
        put_attr(e, "node", n.rows[0].name);
        put(e, ">\n");
    }
    e->count = 0;
    err = items_each(db, &(struct items_query){.node = n.rows[0].id, .after = e->cursor, .max = ITEMS}, each_item, e);
    if (!err && (e->count == ITEMS || e->is_full)) return 1;
    put(e, "</items>\n");
    node_passed(e, n.rows[0].name);
    return err ? err : 1;
}

/* --- the archive --- */

static bool each_message(void *arg, const struct archive_row *row) {
    struct pie_export *e = arg;
    struct arena_mark mark = arena_mark(e->arena);
    buf_printf(e->out,
               "<result xmlns='urn:xmpp:mam:2' id='%lld'><forwarded xmlns='urn:xmpp:forward:0'>"
               "<delay xmlns='urn:xmpp:delay' stamp='%.*s'/>",
               (long long)row->sequence, STR_FMT(datetime_format(e->arena, row->sequence)));
    buf_add_str(e->out, row->stanza);
    put(e, "</forwarded></result>\n");
    arena_release(e->arena, mark);
    e->cursor = row->sequence;
    return goes_on(e);
}

static int part_archive(struct db *db, struct pie_export *e) {
    if (e->cursor == 0) put(e, "<archive xmlns='urn:xmpp:pie:0#mam'>\n");
    int64_t before = e->cursor;
    struct archive_query query = {.account = e->row.id, .after = e->cursor, .max = ROWS};
    bool is_complete;
    int err = archive_query(db, &query, each_message, e, &is_complete);
    if (err) return err;
    if (!is_complete && e->cursor > before) return 1;
    put(e, "</archive>\n");
    return 0;
}

/* Kept for their delivery alone, and not handed over yet. */
static bool each_owed(void *arg, const struct archive_row *row) {
    struct pie_export *e = arg;
    e->cursor = row->sequence;
    e->count++;
    if (!(row->flags & ARCHIVE_HIDDEN)) return true;
    buf_add_str(e->out, row->stanza);
    buf_add_char(e->out, '\n');
    return goes_on(e);
}

static int part_offline(struct db *db, struct pie_export *e) {
    if (e->cursor == 0) put(e, "<offline-messages>\n");
    int64_t before = e->cursor, after = before ? before : e->row.offline_mark;
    struct archive_query query = {.account = e->row.id, .after = after, .max = ROWS, .offline = true};
    bool is_complete;
    int err = archive_query(db, &query, each_owed, e, &is_complete);
    if (err) return err;
    if (!is_complete && e->cursor > before) return 1;
    put(e, "</offline-messages>\n");
    return 0;
}

/* --- uploaded files --- */

static void put_time(struct pie_export *e, const char *name, int64_t us) {
    put_attr(e, name, datetime_format(e->arena, us));
}

static void put_file(struct pie_export *e, const uint8_t hash[SLOT_HASH_LEN], const uint8_t secret[SLOT_HASH_LEN]) {
    const struct slot_row *row = &e->slot;
    put(e, "<file xmlns='urn:confab:export:0'");
    put_attr(e, "id", str_of(row->get_id, SLOT_ID_LEN));
    put_attr(e, "name", str_of(row->name, row->name_len));
    put_attr(e, "type", str_of(row->type, row->type_len));
    put_attr(e, "size", arena_printf(e->arena, "%lld", (long long)row->size));
    put_attr(e, "purpose", slot_purpose_name(row->purpose));
    put_time(e, "created", row->created_us);
    if (row->expires_us) put_time(e, "until", row->expires_us);
    put_attr(e, "sha-256", base64_encode(e->arena, str_of((const char *)hash, SLOT_HASH_LEN)));
    if (e->credentials) put_attr(e, "secret", base64_encode(e->arena, str_of((const char *)secret, SLOT_HASH_LEN)));
    put(e, ">\n");
}

/* One that has been deleted a moment ago is not in it. 0: that was all. */
static int file_begin(struct db *db, struct pie_export *e) {
    uint8_t hash[SLOT_HASH_LEN], secret[SLOT_HASH_LEN];
    int err = slots_next(db, e->row.id, e->slot.created_us, e->slot.id, &e->slot, hash, secret);
    if (err) return err == ERR_NOT_FOUND ? 0 : err;
    err = blob_read_open(e->blobs, str_of(e->slot.file, SLOT_ID_LEN), &e->handle);
    if (err) return err == ERR_NOT_FOUND ? 1 : err;
    put_file(e, hash, secret);
    e->slot_offset = 0;
    return 1;
}

static int part_files(struct db *db, struct pie_export *e) {
    if (!e->blobs) return 0;
    if (e->handle < 0) return file_begin(db, e);
    uint64_t left = (uint64_t)e->slot.size - e->slot_offset;
    size_t len = left < FILE_PIECE ? (size_t)left : FILE_PIECE;
    if (len == 0) {
        blob_read_close(&e->handle);
        put(e, "</file>\n");
        return 1;
    }
    char *bytes = arena_alloc(e->arena, len);
    int err = blob_read(e->handle, e->slot_offset, bytes, len);
    if (err) return err;
    put(e, "<piece>");
    buf_add_str(e->out, base64_encode(e->arena, str_of(bytes, len)));
    put(e, "</piece>\n");
    e->slot_offset += len;
    return 1;
}

/* --- what only this server understands --- */

static int part_place(struct db *db, struct pie_export *e) {
    (void)db;
    buf_printf(e->out, "<place xmlns='urn:confab:export:0' handed-over='%lld'/>\n", (long long)e->row.offline_mark);
    return 0;
}

static int part_marks(struct db *db, struct pie_export *e) {
    struct db_statement *s = db_prepare(
        db,
        "SELECT peer, mark, changed FROM inbox WHERE account = ?1 AND peer > ?2 AND mark > 0 ORDER BY peer LIMIT ?3");
    db_bind_int(s, 1, e->row.id);
    db_bind_int(s, 2, e->cursor ? e->cursor : INT64_MIN);
    db_bind_int(s, 3, MARKS);
    int got, count = 0;
    for (; (got = db_step(s)) == 1; count++) {
        e->cursor = db_int(s, 0);
        buf_printf(e->out, "<read xmlns='urn:confab:export:0' peer='%lld' upto='%lld' changed='%lld'/>\n",
                   (long long)e->cursor, (long long)db_int(s, 1), (long long)db_int(s, 2));
    }
    db_finish(s);
    return got < 0 ? got : count == MARKS;
}

static int (*const parts[])(struct db *db, struct pie_export *e) = {
    part_credentials, part_roster, part_requests, part_blocked, part_prefs,   part_vcard,   part_private,
    part_nodes,       part_items,  part_place,    part_marks,   part_archive, part_offline, part_files,
};
enum { PARTS = sizeof parts / sizeof *parts };

/* --- accounts --- */

static bool each_account(void *arg, struct str bare, const struct account_row *row) {
    struct pie_export *e = arg;
    buf_clear(&e->user);
    buf_add_str(&e->user, bare);
    e->row = *row;
    e->count = 1;
    return row->deleted;
}

/* 1: there is one. */
static int account_next(struct db *db, struct pie_export *e) {
    if (e->all) {
        struct str after = arena_dup(e->arena, buf_str(&e->user));
        e->count = 0;
        int err = accounts_each(db, after, each_account, e);
        return err ? err : e->count && !e->row.deleted;
    }
    if (e->users) return 0;
    buf_clear(&e->user);
    buf_add_str(&e->user, buf_str(&e->only));
    int err = accounts_find(db, buf_str(&e->only), &e->row);
    if (err || e->row.deleted) return err ? err : ERR_NOT_FOUND;
    return e->generation && e->generation != e->row.generation ? ERR_DENIED : 1;
}

static void account_begin(struct pie_export *e) {
    struct str bare = buf_str(&e->user);
    put(e, "<user");
    put_attr(e, "name", str_first(bare, str_index(bare, '@')));
    put(e, ">\n");
    e->is_inside = true;
    e->part = 0;
    e->cursor = 0;
    e->slot = (struct slot_row){.created_us = INT64_MIN};
    buf_clear(&e->node);
    e->users++;
}

static int part_next(struct db *db, struct pie_export *e) {
    int got = parts[e->part](db, e);
    if (got) return got < 0 ? got : 0;
    e->cursor = 0;
    if (++e->part < PARTS) return 0;
    put(e, "</user>\n");
    e->is_inside = false;
    return 0;
}

static int export_step(struct db *db, struct pie_export *e, bool *out_more) {
    if (e->is_inside) return part_next(db, e);
    int got = account_next(db, e);
    if (got < 0) return got;
    if (!e->is_begun) {
        put(e, "<?xml version='1.0' encoding='UTF-8'?>\n<server-data xmlns='urn:xmpp:pie:0'>\n<host");
        put_attr(e, "jid", buf_str(&e->domain));
        put(e, ">\n");
        e->is_begun = true;
    }
    if (got) {
        account_begin(e);
    } else {
        put(e, "</host>\n</server-data>\n");
        *out_more = false;
    }
    return 0;
}

int pie_export_next(struct db *db, struct pie_export *e, struct buf *out, bool *out_more) {
    e->out = out;
    *out_more = true;
    int err = 0;
    while (!err && *out_more && buf_len(out) < PIECE) {
        err = export_step(db, e, out_more);
        arena_reset(e->arena);
    }
    e->out = NULL;
    return err;
}
