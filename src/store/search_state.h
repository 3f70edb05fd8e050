/* search_state.h: struct search itself, which search.c (the indexer) and search_query.c (its readers) share. */
#ifndef CONFAB_STORE_SEARCH_STATE_H
#define CONFAB_STORE_SEARCH_STATE_H

#include <pthread.h>

#include "store/search.h"

enum { SEARCH_VIEWS = 4 /* connections kept for queries */ };

struct search {
    char *archive_path, *index_path;
    const char *vfs;
    uint32_t shelf_rows;
    bool manual;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t woken;
    bool closed; /* under the lock */
    unsigned
        epoch; /* under the lock: of the file; another one when it was made anew. 0: there is none that can be read */
    struct db *views[SEARCH_VIEWS]; /* under the lock: idle, of this epoch */
    /* The indexer's own. */
    struct db *archive, *index;
    atomic_bool must_rebuild;
    atomic_uint_fast64_t indexed, waiting, rebuilds, failures, pages;
    atomic_int_fast64_t changes;
};

#endif
