/*
 * search_index.h: what stands in search.db, as functions over its connection. For search.c and search_query.c.
 *
 * Each owner of a message has an entry in one full-text table, by the message's place in its archive. Its terms carry the account, so that
 * nobody's search walks others' entries, and the *shelf*: an archive's entries stand on shelves of so many, one behind the other in time,
 * and a search goes from shelf to shelf. That bounds each step, whatever is asked for.
 */
#ifndef CONFAB_STORE_SEARCH_INDEX_H
#define CONFAB_STORE_SEARCH_INDEX_H

#include "store/db.h"
#include "xmpp/terms.h"

enum { SHELF_ROWS = 32768 };

struct search_state {
    int64_t mark;    /* messages up to this id are indexed */
    int64_t witness; /* says which message that was (search_witness) */
    int64_t changes; /* search_changes up to this id are seen to */
};

struct search_owner {
    int64_t account, sequence, peer; /* account 0: none; peer: hash */
};

/* A message as it is indexed, or shall be. */
struct search_doc {
    int64_t message;
    struct search_owner owners[2];
    struct terms terms; /* none: nothing to be found */
};

/* Makes the tables if there are none. ERR_UNSUPPORTED: of another version. */
int search_index_prepare(struct db *db);
int search_state_read(struct db *db, struct search_state *out);
int search_state_write(struct db *db, const struct search_state *state);
int64_t search_witness(int64_t out_sequence, int64_t in_sequence);

/* What was indexed of the message goes. */
int search_index_remove(struct db *db, int64_t message);
/* None of them is there. In any order. */
int search_index_add(struct db *db, struct arena *arena, const struct search_doc *docs, uint32_t count,
                     uint32_t shelf_rows);

struct search_shelf {
    int64_t number, first, last; /* sequences, inclusive */
};
/* All shelves of an account, oldest first, in the arena. */
int search_shelves(struct db *db, struct arena *arena, int64_t account, struct search_shelf **out, uint32_t *out_count);
/* What to ask the table for: messages of that shelf with these terms, and that peer (0: any); one of them at least. */
struct str search_expression(struct buf *out, int64_t account, int64_t shelf, int64_t peer, const struct terms *terms);

#endif
