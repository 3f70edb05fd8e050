/*
 * items.c: rows of the tables nodes, items and node_people. Worker threads, inside a job; what changes something is part of the caller's
 * transaction. What must hold: a node's count and bytes are those of its items; a place in a node is given once.
 */
#include "store/items.h"

#include "base/err.h"

#define NODE_COLUMNS                                                                                                   \
    "id, account, name, access, publish, last, message, flags, max_items, payload_max, group_names, title, "           \
    "description, type, newest, count, bytes "

static struct db_statement *prepare(struct db *db, const char *sql, int64_t id, struct str name) {
    struct db_statement *s = db_prepare(db, sql);
    db_bind_int(s, 1, id);
    if (name.p) db_bind_text(s, 2, name);
    return s;
}

/* The end of a walk: `got` is what the last step said, 1 when the reader had enough. */
static int walk_end(struct db_statement *s, int got) {
    db_finish(s);
    return got < 0 ? got : 0;
}

/* One number of one row; 0 when there is none. */
static int number_of(struct db_statement *s, int64_t *out) {
    int got = db_step(s);
    *out = got == 1 ? db_int(s, 0) : 0;
    db_finish(s);
    return got < 0 ? got : got == 1 ? 0 : ERR_NOT_FOUND;
}

/* --- nodes --- */

static void node_read(struct arena *arena, struct db_statement *s, struct node_row *out) {
    struct pubsub_config *c = &out->config;
    *out = (struct node_row){.id = db_int(s, 0), .account = db_int(s, 1)};
    out->name = arena_dup(arena, db_text(s, 2));
    c->access = db_int(s, 3);
    c->publish = db_int(s, 4);
    c->last = db_int(s, 5);
    c->message = db_int(s, 6);
    c->flags = db_int(s, 7);
    c->max_items = db_int(s, 8);
    c->payload_max = db_int(s, 9);
    c->groups = arena_dup(arena, db_text(s, 10));
    c->title = arena_dup(arena, db_text(s, 11));
    c->description = arena_dup(arena, db_text(s, 12));
    c->type = arena_dup(arena, db_text(s, 13));
    out->newest = db_int(s, 14);
    out->count = db_int(s, 15);
    out->bytes = db_int(s, 16);
}

int nodes_find(struct db *db, struct arena *arena, int64_t account, struct str name, struct node_row *out) {
    struct db_statement *s =
        prepare(db, "SELECT " NODE_COLUMNS "FROM nodes WHERE account = ?1 AND name = ?2", account, name);
    int got = db_step(s);
    if (got == 1) node_read(arena, s, out);
    db_finish(s);
    return got == 1 ? 0 : got == 0 ? ERR_NOT_FOUND : got;
}

int nodes_each(struct db *db, struct arena *arena, int64_t account, bool (*each)(void *arg, const struct node_row *row),
               void *arg) {
    struct db_statement *s =
        prepare(db, "SELECT " NODE_COLUMNS "FROM nodes WHERE account = ?1 ORDER BY name", account, STR_NONE);
    int got;
    while ((got = db_step(s)) == 1) {
        struct node_row row;
        node_read(arena, s, &row);
        if (!each(arg, &row)) break;
    }
    return walk_end(s, got);
}

static void config_bind(struct db_statement *s, int at, const struct pubsub_config *c) {
    const int64_t numbers[] = {c->access, c->publish, c->last, c->message, c->flags, c->max_items, c->payload_max};
    const struct str texts[] = {c->groups, c->title, c->description, c->type};
    for (int i = 0; i < 7; i++) db_bind_int(s, at + i, numbers[i]);
    for (int i = 0; i < 4; i++) db_bind_text(s, at + 7 + i, texts[i]);
}

int nodes_create(struct db *db, int64_t account, struct str name, const struct pubsub_config *config, int64_t max,
                 int64_t *out_id) {
    int64_t count;
    int err = number_of(prepare(db, "SELECT count(*) FROM nodes WHERE account = ?1", account, STR_NONE), &count);
    if (err) return err;
    struct db_statement *s =
        prepare(db,
                "INSERT INTO nodes (account, name, access, publish, last, message, flags, max_items, payload_max, "
                "group_names, title, description, type) SELECT id, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13 "
                "FROM accounts WHERE id = ?1 AND deleted = 0",
                account, name);
    config_bind(s, 3, config);
    if (count >= max) {
        db_finish(s);
        return ERR_LIMIT;
    }
    err = db_run(s);
    if (!err && db_changes(db) != 1) err = ERR_NOT_FOUND;
    if (!err) *out_id = db_last_id(db);
    return err;
}

int nodes_configure(struct db *db, int64_t node, const struct pubsub_config *config) {
    struct db_statement *s =
        prepare(db,
                "UPDATE nodes SET access = ?2, publish = ?3, last = ?4, message = ?5, flags = ?6, max_items = ?7, "
                "payload_max = ?8, group_names = ?9, title = ?10, description = ?11, type = ?12 WHERE id = ?1",
                node, STR_NONE);
    config_bind(s, 2, config);
    return db_run(s);
}

int nodes_remove(struct db *db, int64_t node) {
    static const char *const own[] = {"DELETE FROM items WHERE node = ?1", "DELETE FROM node_people WHERE node = ?1",
                                      "DELETE FROM nodes WHERE id = ?1"};
    int err = 0;
    for (size_t i = 0; !err && i < sizeof own / sizeof *own; i++) err = db_run(prepare(db, own[i], node, STR_NONE));
    return err;
}

int nodes_bytes(struct db *db, int64_t account, int64_t *out) {
    return number_of(prepare(db, "SELECT coalesce(sum(bytes), 0) FROM nodes WHERE account = ?1", account, STR_NONE),
                     out);
}

/* --- items --- */

/* So many items and bytes more (or fewer). */
static int node_count(struct db *db, int64_t node, int64_t items, int64_t bytes) {
    struct db_statement *s =
        prepare(db, "UPDATE nodes SET count = count + ?2, bytes = bytes + ?3 WHERE id = ?1", node, STR_NONE);
    db_bind_int(s, 2, items);
    db_bind_int(s, 3, bytes);
    return db_run(s);
}

int items_size(struct db *db, int64_t node, struct str name, int64_t *out) {
    return number_of(prepare(db, "SELECT length(xml) FROM items WHERE node = ?1 AND name = ?2", node, name), out);
}

int items_remove(struct db *db, int64_t node, struct str name) {
    int64_t size;
    int err = items_size(db, node, name, &size);
    if (!err) err = db_run(prepare(db, "DELETE FROM items WHERE node = ?1 AND name = ?2", node, name));
    return err ? err : node_count(db, node, -1, -size);
}

static int item_insert(struct db *db, int64_t node, struct str name, struct str xml, int64_t now_us) {
    int err = db_run(prepare(db, "UPDATE nodes SET newest = newest + 1 WHERE id = ?1", node, STR_NONE));
    if (err) return err;
    struct db_statement *s = prepare(db,
                                     "INSERT INTO items (node, sequence, name, published_us, xml) SELECT id, newest, "
                                     "?2, ?3, ?4 FROM nodes WHERE id = ?1",
                                     node, name);
    db_bind_int(s, 3, now_us);
    db_bind_blob(s, 4, xml);
    err = db_run(s);
    if (!err && db_changes(db) != 1) err = ERR_NOT_FOUND;
    return err ? err : node_count(db, node, 1, (int64_t)xml.len);
}

int items_trim(struct db *db, int64_t node, int64_t max) {
    struct db_statement *s = prepare(
        db, "SELECT sequence FROM items WHERE node = ?1 ORDER BY sequence DESC LIMIT 1 OFFSET ?2", node, STR_NONE);
    db_bind_int(s, 2, max);
    int64_t gone, count, bytes;
    int err = number_of(s, &gone); /* the newest that goes, and all before it */
    if (err) return err == ERR_NOT_FOUND ? 0 : err;
    s = prepare(db, "SELECT count(*), sum(length(xml)) FROM items WHERE node = ?1 AND sequence <= ?2", node, STR_NONE);
    db_bind_int(s, 2, gone);
    int got = db_step(s);
    count = got == 1 ? db_int(s, 0) : 0;
    bytes = got == 1 ? db_int(s, 1) : 0;
    db_finish(s);
    if (got < 0) return got;
    s = prepare(db, "DELETE FROM items WHERE node = ?1 AND sequence <= ?2", node, STR_NONE);
    db_bind_int(s, 2, gone);
    err = db_run(s);
    return err ? err : node_count(db, node, -count, -bytes);
}

int items_put(struct db *db, int64_t node, struct str name, struct str xml, int64_t now_us, int64_t max) {
    int err = items_remove(db, node, name);
    if (!err || err == ERR_NOT_FOUND) err = item_insert(db, node, name, xml, now_us);
    return err ? err : items_trim(db, node, max);
}

int items_purge(struct db *db, int64_t node) {
    int err = db_run(prepare(db, "DELETE FROM items WHERE node = ?1", node, STR_NONE));
    return err ? err : db_run(prepare(db, "UPDATE nodes SET count = 0, bytes = 0 WHERE id = ?1", node, STR_NONE));
}

static void item_read(struct db_statement *s, struct item_row *out) {
    *out = (struct item_row){db_int(s, 0), db_int(s, 1), db_text(s, 2), db_blob(s, 3)};
}

int items_find(struct db *db, struct arena *arena, int64_t node, struct str name, struct item_row *out) {
    struct db_statement *s =
        prepare(db, "SELECT sequence, published_us, name, xml FROM items WHERE node = ?1 AND name = ?2", node, name);
    int got = db_step(s);
    if (got == 1) {
        item_read(s, out);
        out->name = arena_dup(arena, out->name);
        out->xml = arena_dup(arena, out->xml);
    }
    db_finish(s);
    return got == 1 ? 0 : got == 0 ? ERR_NOT_FOUND : got;
}

int items_place(struct db *db, int64_t node, struct str name, int64_t *out_sequence) {
    return number_of(prepare(db, "SELECT sequence FROM items WHERE node = ?1 AND name = ?2", node, name), out_sequence);
}

int items_each(struct db *db, const struct items_query *q, bool (*each)(void *arg, const struct item_row *row),
               void *arg) {
    static const char forwards[] = "SELECT sequence, published_us, name, xml FROM items WHERE node = ?1 AND sequence "
                                   "> ?2 AND sequence < ?3 ORDER BY sequence LIMIT ?4";
    static const char backwards[] = "SELECT sequence, published_us, name, xml FROM items WHERE node = ?1 AND sequence "
                                    "> ?2 AND sequence < ?3 ORDER BY sequence DESC LIMIT ?4";
    struct db_statement *s = prepare(db, q->backwards ? backwards : forwards, q->node, STR_NONE);
    db_bind_int(s, 2, q->after);
    db_bind_int(s, 3, q->before ? q->before : INT64_MAX);
    db_bind_int(s, 4, q->max);
    int got;
    while ((got = db_step(s)) == 1) {
        struct item_row row;
        item_read(s, &row);
        if (!each(arg, &row)) break;
    }
    return walk_end(s, got);
}

int items_index(struct db *db, int64_t node, int64_t sequence, int64_t *out) {
    struct db_statement *s =
        prepare(db, "SELECT count(*) FROM items WHERE node = ?1 AND sequence < ?2", node, STR_NONE);
    db_bind_int(s, 2, sequence);
    return number_of(s, out);
}

/* --- people --- */

int people_find(struct db *db, int64_t node, struct str jid, struct person_row *out) {
    struct db_statement *s =
        prepare(db, "SELECT affiliation, subscription FROM node_people WHERE node = ?1 AND jid = ?2", node, jid);
    int got = db_step(s);
    *out = (struct person_row){.jid = jid};
    if (got == 1) out->affiliation = db_int(s, 0);
    if (got == 1) out->subscription = db_int(s, 1);
    return walk_end(s, got);
}

int people_each(struct db *db, int64_t node, bool (*each)(void *arg, const struct person_row *row), void *arg) {
    struct db_statement *s = prepare(
        db, "SELECT jid, affiliation, subscription FROM node_people WHERE node = ?1 ORDER BY jid", node, STR_NONE);
    int got;
    while ((got = db_step(s)) == 1) {
        struct person_row row = {db_text(s, 0), db_int(s, 1), db_int(s, 2)};
        if (!each(arg, &row)) break;
    }
    return walk_end(s, got);
}

int people_count(struct db *db, int64_t node, int64_t *out) {
    return number_of(prepare(db, "SELECT count(*) FROM node_people WHERE node = ?1", node, STR_NONE), out);
}

int people_put(struct db *db, int64_t node, const struct person_row *row, int64_t max) {
    int err = db_run(prepare(db, "DELETE FROM node_people WHERE node = ?1 AND jid = ?2", node, row->jid));
    if (err || (!row->affiliation && !row->subscription)) return err;
    int64_t count;
    err = people_count(db, node, &count);
    if (err || count >= max) return err ? err : ERR_LIMIT;
    struct db_statement *s = prepare(
        db, "INSERT INTO node_people (node, jid, affiliation, subscription) VALUES (?1, ?2, ?3, ?4)", node, row->jid);
    db_bind_int(s, 3, row->affiliation);
    db_bind_int(s, 4, row->subscription);
    return db_run(s);
}

int people_of(struct db *db, int64_t account, struct str bare,
              bool (*each)(void *arg, struct str node, const struct person_row *row), void *arg) {
    /* Everything that begins with "bare/": '0' is what follows '/'. */
    struct db_statement *s = prepare(
        db,
        "SELECT n.name, p.jid, p.affiliation, p.subscription FROM nodes n JOIN node_people p ON p.node = n.id "
        "WHERE n.account = ?1 AND (p.jid = ?2 OR (p.jid > ?2 || '/' AND p.jid < ?2 || '0')) ORDER BY n.name, p.jid",
        account, bare);
    int got;
    while ((got = db_step(s)) == 1) {
        struct person_row row = {db_text(s, 1), db_int(s, 2), db_int(s, 3)};
        if (!each(arg, db_text(s, 0), &row)) break;
    }
    return walk_end(s, got);
}

/* --- the end of an account --- */

int items_drop(struct db *db, int64_t account, uint32_t max, bool *out_more) {
    struct db_statement *s = prepare(db,
                                     "DELETE FROM items WHERE id IN (SELECT i.id FROM nodes n JOIN items i ON i.node "
                                     "= n.id WHERE n.account = ?1 LIMIT ?2)",
                                     account, STR_NONE);
    db_bind_int(s, 2, max);
    int err = db_run(s);
    *out_more = !err && db_changes(db) == max;
    if (err || *out_more) return err;
    err = db_run(prepare(db, "DELETE FROM node_people WHERE node IN (SELECT id FROM nodes WHERE account = ?1)", account,
                         STR_NONE));
    return err ? err : db_run(prepare(db, "DELETE FROM nodes WHERE account = ?1", account, STR_NONE));
}
