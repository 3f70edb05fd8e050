/*
 * search.c: the indexer. A thread follows the archive by the ids of its messages, which rise in the order of the commits, from a mark that
 * stands in the index itself; what changed or went after it was indexed stands in search_changes, written by triggers with the change. So a
 * crash repeats or loses nothing, and nobody who sends has a part in it: the archive is only read, in short views, at low priority.
 *
 * A file that is damaged, of another version, or ahead of the archive (which came out of a backup) is removed and made again. A disk that is full is
 * tried again later; queries look through what is not indexed themselves, as far as that goes (search_query.c).
 */
#include "store/search.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/err.h"
#include "base/log.h"
#include "store/archive_index.h"
#include "store/search_index.h"
#include "store/search_state.h"
#include "store/search_text.h"

enum {
    BATCH = 2000,          /* messages of a transaction: what is added together needs no merging */
    BATCH_BYTES = 4 << 20, /* of their stanzas, or one */
    CACHE_KIB = 8 * 1024,  /* the table merges its runs in it */
    LOOK_MS = 1000,        /* between two looks at the archive */
    NEXT_MS = 5,           /* when there is more than a batch */
    AGAIN_MS = 10000,      /* after a failure */
    NICE = 15
};

/* --- the file --- */

static void file_remove(const struct search *s) {
    static const char *const endings[] = {"", "-wal", "-shm", "-journal"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        struct buf path = BUF_INIT;
        buf_printf(&path, "%s%s", s->index_path, endings[i]);
        buf_add_char(&path, '\0');
        unlink(buf_str(&path).p);
        buf_free(&path);
    }
}

/* From here on queries find no index (0), or this one. */
static void epoch_set(struct search *s, bool there) {
    static atomic_uint epochs;
    struct db *old[SEARCH_VIEWS];
    pthread_mutex_lock(&s->lock);
    s->epoch = there ? atomic_fetch_add(&epochs, 1) + 1 : 0;
    memcpy(old, s->views, sizeof old);
    memset(s->views, 0, sizeof s->views);
    pthread_mutex_unlock(&s->lock);
    for (size_t i = 0; i < SEARCH_VIEWS; i++) db_close(&old[i]);
}

static void index_close(struct search *s) {
    epoch_set(s, false);
    db_close(&s->index);
}

static void index_discard(struct search *s, const char *why) {
    LOG(LOG_WARN, "search-index-discarded", F_C("why", why));
    index_close(s);
    file_remove(s);
    atomic_store_explicit(&s->indexed, 0, memory_order_relaxed);
    atomic_fetch_add_explicit(&s->rebuilds, 1, memory_order_relaxed);
}

static int last_ids(struct db *archive, int64_t *out_message, int64_t *out_change) {
    struct db_statement *s =
        db_prepare(archive, "SELECT coalesce((SELECT max(id) FROM messages), 0), coalesce((SELECT seq FROM "
                            "sqlite_sequence WHERE name = 'search_changes'), 0)");
    int got = db_step(s);
    if (got == 1) {
        *out_message = db_int(s, 0);
        *out_change = db_int(s, 1);
    }
    db_finish(s);
    return got == 1 ? 0 : got < 0 ? got : ERR_STORE;
}

/* 1: the archive has had what the index has seen; 0: it is another one. */
static int state_fits(struct db *archive, const struct search_state *state) {
    int64_t message, change;
    int err = last_ids(archive, &message, &change);
    if (err) return err;
    if (change < state->changes) return 0;
    struct db_statement *s = db_prepare(archive, "SELECT out_sequence, in_sequence FROM messages WHERE id = ?1");
    db_bind_int(s, 1, state->mark);
    int got = db_step(s);
    bool is_it = got == 1 && search_witness(db_int(s, 0), db_int(s, 1)) == state->witness;
    db_finish(s);
    if (got < 0) return got;
    return got == 1 ? is_it : state->mark == 0 || message >= state->mark || change > state->changes;
}

static int index_check(struct search *s) {
    struct search_state state;
    int err = search_index_prepare(s->index);
    if (!err) err = search_state_read(s->index, &state);
    if (err) return err;
    int fits = state_fits(s->archive, &state);
    if (fits < 0) return fits;
    atomic_store_explicit(&s->indexed, (uint64_t)state.mark, memory_order_relaxed);
    atomic_store_explicit(&s->changes, state.changes, memory_order_relaxed);
    return fits ? 0 : ERR_UNSUPPORTED;
}

static int files_open(struct search *s) {
    struct db_options reading = {.path = s->archive_path, .read_only = true, .vfs = s->vfs};
    struct db_options options = {
        .path = s->index_path, .vfs = s->vfs, .cache_kib = CACHE_KIB, .disposable = true, .checkpoint_pages = 2000};
    int err = s->archive ? 0 : db_open(&reading, &s->archive);
    if (err || s->index) return err;
    for (int tries = 0; tries < 2; tries++) {
        err = db_open(&options, &s->index);
        bool is_bad = err == ERR_STORE && access(s->index_path, R_OK | W_OK) == 0;
        if (!err) {
            err = index_check(s);
            is_bad = err == ERR_UNSUPPORTED || db_is_corrupt(s->index);
        }
        if (!err || !is_bad) break;
        index_discard(s, "it is damaged, or not of this archive");
    }
    if (err)
        index_close(s);
    else
        epoch_set(s, true);
    return err;
}

/* --- a batch --- */

struct batch {
    struct arena *arena;
    struct search_state before, state; /* state: when it is done */
    int64_t changed[BATCH];
    uint32_t changed_count;
    struct search_doc docs[2 * BATCH];
    uint32_t doc_count;
    int64_t last; /* message of the archive */
    bool is_full;
};

#define DOC_COLUMNS                                                                                                    \
    "SELECT id, out_account, out_sequence, in_account, in_sequence, out_flags, in_flags, stanza, out_peer, in_peer "   \
    "FROM messages WHERE id "
enum { ID, OUT_ACCOUNT, OUT_SEQUENCE, IN_ACCOUNT, IN_SEQUENCE, OUT_FLAGS, IN_FLAGS, STANZA, OUT_PEER, IN_PEER };

/* Entries of hidden rows would be found by nobody. */
static struct search_owner owner_read(struct db_statement *s, int account, int sequence, int flags, int peer) {
    if (db_int(s, flags) & ARCHIVE_HIDDEN || db_int(s, account) == 0) return (struct search_owner){0, 0, 0};
    return (struct search_owner){db_int(s, account), db_int(s, sequence), archive_peer_hash(db_text(s, peer))};
}

static void doc_read(struct batch *b, struct db_statement *s) {
    struct search_doc *doc = &b->docs[b->doc_count++];
    doc->message = db_int(s, ID);
    doc->owners[0] = owner_read(s, OUT_ACCOUNT, OUT_SEQUENCE, OUT_FLAGS, OUT_PEER);
    doc->owners[1] = owner_read(s, IN_ACCOUNT, IN_SEQUENCE, IN_FLAGS, IN_PEER);
    bool is_anybodys = doc->owners[0].account || doc->owners[1].account;
    doc->terms = is_anybodys ? search_text(b->arena, db_blob(s, STANZA)) : (struct terms){NULL, 0};
}

static int changes_read(struct db *archive, struct batch *b) {
    struct db_statement *s =
        db_prepare(archive, "SELECT id, message FROM search_changes WHERE id > ?1 ORDER BY id LIMIT ?2");
    int got;
    uint32_t count = 0;
    db_bind_int(s, 1, b->state.changes);
    db_bind_int(s, 2, BATCH);
    while ((got = db_step(s)) == 1) {
        count++;
        b->state.changes = db_int(s, 0);
        int64_t message = db_int(s, 1);
        bool is_known = message > b->state.mark; /* it will be read as it is now */
        for (uint32_t i = 0; !is_known && i < b->changed_count; i++) is_known = b->changed[i] == message;
        if (!is_known) b->changed[b->changed_count++] = message;
    }
    db_finish(s);
    b->is_full = count == BATCH;
    return got;
}

/* What they are now. */
static int changed_read(struct db *archive, struct batch *b) {
    for (uint32_t i = 0; i < b->changed_count; i++) {
        struct db_statement *s = db_prepare(archive, DOC_COLUMNS "= ?1");
        db_bind_int(s, 1, b->changed[i]);
        int got = db_step(s);
        if (got == 1) doc_read(b, s);
        db_finish(s);
        if (got < 0) return got;
    }
    return 0;
}

static int new_read(struct db *archive, struct batch *b) {
    struct db_statement *s = db_prepare(archive, DOC_COLUMNS "> ?1 ORDER BY id LIMIT ?2");
    int got = 1;
    uint32_t count = 0;
    size_t bytes = 0;
    db_bind_int(s, 1, b->state.mark);
    db_bind_int(s, 2, BATCH);
    while (bytes < BATCH_BYTES && (got = db_step(s)) == 1) {
        count++;
        bytes += db_blob(s, STANZA).len;
        b->state.mark = db_int(s, ID);
        b->state.witness = search_witness(db_int(s, OUT_SEQUENCE), db_int(s, IN_SEQUENCE));
        doc_read(b, s);
    }
    db_finish(s);
    b->is_full |= count == BATCH || bytes >= BATCH_BYTES;
    return got < 0 ? got : 0;
}

/* In one view of the archive, and a short one: while it lasts the archive's log cannot begin anew. */
static int batch_read(struct search *s, struct batch *b) {
    int64_t change;
    int err = search_state_read(s->index, &b->state);
    if (!err) err = db_begin(s->archive);
    if (err) return err;
    b->before = b->state;
    err = last_ids(s->archive, &b->last, &change);
    if (!err) err = changes_read(s->archive, b);
    if (!err) err = changed_read(s->archive, b);
    if (!err) err = new_read(s->archive, b);
    db_commit(s->archive);
    return err;
}

static int batch_write(struct search *s, struct batch *b) {
    int err = db_begin(s->index);
    if (err) return err;
    for (uint32_t i = 0; !err && i < b->changed_count; i++) err = search_index_remove(s->index, b->changed[i]);
    if (!err) err = search_index_add(s->index, b->arena, b->docs, b->doc_count, s->shelf_rows);
    if (!err) err = search_state_write(s->index, &b->state);
    if (!err) return db_commit(s->index);
    db_rollback(s->index);
    return err;
}

static void batch_show(struct search *s, const struct batch *b) {
    int64_t waiting = b->last - b->state.mark;
    atomic_store_explicit(&s->waiting, (uint64_t)(waiting > 0 ? waiting : 0), memory_order_relaxed);
    atomic_store_explicit(&s->indexed, (uint64_t)b->state.mark, memory_order_release);
    atomic_store_explicit(&s->changes, b->state.changes, memory_order_relaxed);
}

static int batch_step(struct search *s) {
    struct batch *b = calloc(1, sizeof *b);
    CHECK(b);
    b->arena = arena_new();
    int err = batch_read(s, b);
    bool is_some = b->state.changes != b->before.changes || b->state.mark != b->before.mark;
    if (!err && is_some) err = batch_write(s, b);
    if (!err) batch_show(s, b);
    if (!err && is_some) db_tidy(s->index);
    bool is_full = b->is_full;
    arena_free(&b->arena);
    free(b);
    return err ? err : is_full;
}

int search_step(struct search *s) {
    if (atomic_exchange(&s->must_rebuild, false)) index_discard(s, "asked to");
    int did = files_open(s);
    if (!did) did = batch_step(s);
    if (did >= 0) return did;
    atomic_fetch_add_explicit(&s->failures, 1, memory_order_relaxed);
    if (s->index && db_is_corrupt(s->index)) index_discard(s, "it is damaged");
    return did;
}

int search_changes_drop(struct db *db, int64_t upto, uint32_t max, bool *out_more) {
    struct db_statement *s = db_prepare(db, "DELETE FROM search_changes WHERE id IN (SELECT id FROM search_changes "
                                            "WHERE id <= ?1 ORDER BY id LIMIT ?2)");
    db_bind_int(s, 1, upto);
    db_bind_int(s, 2, max);
    int err = db_run(s);
    *out_more = !err && db_changes(db) == max;
    return err;
}

/* --- the thread --- */

static bool wait_ms(struct search *s, int64_t ms) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&s->lock);
    if (!s->closed) pthread_cond_timedwait(&s->woken, &s->lock, &until);
    bool goes_on = !s->closed;
    pthread_mutex_unlock(&s->lock);
    return goes_on;
}

static void *search_main(void *arg) {
    struct search *s = arg;
    setpriority(PRIO_PROCESS, (id_t)gettid(), NICE); /* of this thread alone, on Linux */
    int did = 0;
    do did = search_step(s);
    while (wait_ms(s, did < 0 ? AGAIN_MS : did ? NEXT_MS : LOOK_MS));
    return NULL;
}

struct search *search_open(const struct search_options *options) {
    struct search *s = calloc(1, sizeof *s);
    CHECK(s);
    s->archive_path = strdup(options->archive);
    s->index_path = strdup(options->index);
    CHECK(s->archive_path && s->index_path);
    s->vfs = options->vfs;
    s->manual = options->manual;
    s->shelf_rows = options->shelf_rows ? options->shelf_rows : SHELF_ROWS;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->woken, NULL);
    if (s->manual) return s;
    CHECK(pthread_create(&s->thread, NULL, search_main, s) == 0); /* at start-up only */
    pthread_setname_np(s->thread, "search");
    return s;
}

static void search_wake(struct search *s, bool close) {
    pthread_mutex_lock(&s->lock);
    s->closed |= close;
    pthread_cond_signal(&s->woken);
    pthread_mutex_unlock(&s->lock);
}

void search_stop(struct search *s) {
    if (s->closed) return;
    search_wake(s, true);
    if (!s->manual) pthread_join(s->thread, NULL);
    db_close(&s->archive);
}

void search_close(struct search **slot) {
    struct search *s = *slot;
    if (!s) return;
    *slot = NULL;
    search_stop(s);
    index_close(s);
    pthread_cond_destroy(&s->woken);
    pthread_mutex_destroy(&s->lock);
    free(s->archive_path);
    free(s->index_path);
    free(s);
}

void search_rebuild(struct search *s) {
    atomic_store(&s->must_rebuild, true);
    search_wake(s, false);
}

void search_stats(const struct search *s, struct search_stats *out) {
    *out = (struct search_stats){
        .indexed = atomic_load_explicit(&s->indexed, memory_order_relaxed),
        .waiting = atomic_load_explicit(&s->waiting, memory_order_relaxed),
        .rebuilds = atomic_load_explicit(&s->rebuilds, memory_order_relaxed),
        .failures = atomic_load_explicit(&s->failures, memory_order_relaxed),
        .pages = atomic_load_explicit(&s->pages, memory_order_relaxed),
        .changes = atomic_load_explicit(&s->changes, memory_order_relaxed),
    };
}
