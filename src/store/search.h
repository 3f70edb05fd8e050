/*
 * search.h: full-text search over archives (docs/decisions/013-search.md). The index is a database of its own, search.db, which a thread of its own
 * keeps up behind the archive: no commit waits for it, and whatever becomes of the file, it is made again. A query gets from it where to
 * look, looks there in the archive, and looks through what is not indexed yet itself: so its results are always rows of that archive,
 * with those words, as they are now.
 */
#ifndef CONFAB_STORE_SEARCH_H
#define CONFAB_STORE_SEARCH_H

#include <stdatomic.h>

#include "store/archive.h"
#include "xmpp/terms.h"

struct search;

struct search_options {
    const char *archive; /* path of the main database; it is there and migrated */
    const char *index;   /* path of the index's file */
    const char *vfs;
    bool manual;         /* no thread: tests call search_step, or there is no index */
    uint32_t shelf_rows; /* 0: the default (search_index.h) */
};

/* Touches no file yet: the thread does, and as long as it cannot, queries look without it. */
struct search *search_open(const struct search_options *options);
/* The indexer ends and lets go of the archive, whose own connections must be the last; queries may go on. */
void search_stop(struct search *search);
/* No query may run any more. */
void search_close(struct search **search);
/* All is indexed anew. Any thread. */
void search_rebuild(struct search *search);
/* A piece of the indexer's work: 1 when there is more, 0, or an error. */
int search_step(struct search *search);

struct search_stats {
    uint64_t indexed, waiting; /* messages: up to which id, how many behind it */
    uint64_t rebuilds, failures;
    uint64_t pages;  /* of the index that searches looked at: what they cost */
    int64_t changes; /* all of search_changes up to this id has been seen to, for good */
};
void search_stats(const struct search *search, struct search_stats *out);

/*
 * As archive_query, of rows in which every one of `terms` begins a word of the message. query->looked is there and is used whatever the query:
 * it bounds one call (ten milliseconds or so). Reader thread.
 */
int search_query(struct search *search, struct db *db, const struct archive_query *query, const struct terms *terms,
                 bool (*each)(void *arg, const struct archive_row *row), void *arg, bool *out_complete);
/* Changes up to this id go from the archive's database: `max` at most. Writer. */
int search_changes_drop(struct db *db, int64_t upto, uint32_t max, bool *out_more);

#endif
