/*
 * items_last.c: two statements, each for up to BATCH_MAX owners or nodes: their number is bounded by batches, whatever the number of contacts. Places that are
 * not used are bound to what matches nothing.
 */
#include "store/items_last.h"

int items_last_nodes(struct db *db, struct jid who, const struct str *owners, uint32_t count,
                     bool (*each)(void *arg, const struct last_node_row *row), void *arg) {
    struct str full = jid_str(who);
    struct str at_domain = who.local_len ? str_from(full, who.local_len + 1u) : full; /* domain/resource */
    struct db_statement *s =
        db_prepare(db, "SELECT n.id, a.jid, n.name, n.access, n.message, n.flags, n.group_names, coalesce(r.flags, 0), "
                       "coalesce(r.group_names, ''), coalesce(p.affiliation, 0), coalesce(p.subscription, 0) "
                       "FROM accounts a JOIN nodes n ON n.account = a.id AND n.count > 0 AND n.last = 2 "
                       "LEFT JOIN roster r ON r.account = a.id AND r.jid = ?65 "
                       "LEFT JOIN node_people p ON p.node = n.id AND p.jid = ?65 "
                       "WHERE a.jid IN (" BATCH_64 ") AND a.deleted = 0 AND NOT EXISTS (SELECT 1 FROM blocked b WHERE "
                       "b.account = a.id AND a.jid <> ?65 AND b.jid IN (?65, ?66, ?67, ?68)) ORDER BY n.id");
    for (uint32_t i = 0; i < BATCH_MAX; i++) db_bind_text(s, (int)i + 1, i < count ? owners[i] : STR_NONE);
    db_bind_text(s, 65, jid_bare_str(who));
    db_bind_text(s, 66, jid_domain(who));
    db_bind_text(s, 67, full);
    db_bind_text(s, 68, at_domain);
    int got;
    while ((got = db_step(s)) == 1) {
        struct last_node_row row = {.node = db_int(s, 0), .owner = db_text(s, 1), .name = db_text(s, 2)};
        row.config.access = db_int(s, 3);
        row.config.message = db_int(s, 4);
        row.config.flags = db_int(s, 5);
        row.config.groups = db_text(s, 6);
        row.roster = (unsigned)db_int(s, 7);
        row.groups = db_text(s, 8);
        row.person = (struct person_row){jid_bare_str(who), db_int(s, 9), db_int(s, 10)};
        if (!each(arg, &row)) break;
    }
    db_finish(s);
    return got < 0 ? got : 0;
}

int items_last(struct db *db, const int64_t *nodes, uint32_t count,
               bool (*each)(void *arg, int64_t node, const struct item_row *row), void *arg) {
    struct db_statement *s =
        db_prepare(db,
                   "SELECT i.node, i.sequence, i.published_us, i.name, i.xml FROM items i WHERE i.node IN (" BATCH_64
                   ") AND i.sequence = (SELECT max(j.sequence) FROM items j WHERE j.node = i.node) ORDER BY i.node");
    for (uint32_t i = 0; i < BATCH_MAX; i++) db_bind_int(s, (int)i + 1, i < count ? nodes[i] : 0);
    int got;
    while ((got = db_step(s)) == 1) {
        struct item_row row = {db_int(s, 1), db_int(s, 2), db_text(s, 3), db_blob(s, 4)};
        if (!each(arg, db_int(s, 0), &row)) break;
    }
    db_finish(s);
    return got < 0 ? got : 0;
}
