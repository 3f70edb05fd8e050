/*
 * worker.c: the threads behind store.h: one that writes, one that folds its log back, some that read, one that computes, two for files.
 *
 * The writer takes all that waits and makes it one transaction; while it syncs, and a moment longer when there is much, the
 * next batch gathers. A read whose
 * slot has writes pending travels through the writer's queue too, keeps its place there and goes on to the readers
 * when everything before it is committed. One place submits all jobs of a slot, so nothing overtakes.
 *
 * What must hold: a job is posted back exactly once; the writes of a slot in the order of submission; none before its commit;
 * nobody's wait for long because others have much waiting (lanes.h).
 * The queues are mutexes held for a few instructions: a consumer takes its whole queue or one job and lets go.
 *
 * In manual mode there are no threads: everything runs inside store_manual_step, reads on the writer's connection.
 */
#include "store/store.h"

#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "base/check.h"
#include "base/err.h"
#include "base/log.h"
#include "store/archive_index.h"
#include "store/lanes.h"
#include "store/migrate.h"

#define READERS_MAX 16
#define FILERS 2
#define BATCH_JOBS_MAX 2000 /* of one transaction: bounds the log and the wait of whoever comes next */
#define BATCH_BYTES_MAX (2u << 20)
#define BUSY_JOBS 8 /* in one batch: more will come at once */
#define GATHER_MS 2 /* then the next one gathers for so long: a commit costs the same for many */

struct queue {
    pthread_mutex_t lock;
    pthread_cond_t filled;
    struct lanes *lanes;            /* of writes: they wait there; NULL: in the chain */
    struct store_job *first, *last; /* a chain, oldest first */
    bool closed;                    /* nothing more comes */
};

#define REST_PAGES_MAX 1000 /* what the writer folds back itself */
#define NO_FURTHER (-1)     /* somebody reads what was before, or the disk is full */

/* Folds the log back while commits go on, when the writer asks. */
struct folder {
    pthread_t thread;
    struct db *db; /* NULL: there is none, the writer does it all */
    pthread_mutex_t lock;
    pthread_cond_t asked_now;
    bool closed;
    atomic_bool asked; /* and not done */
    atomic_int pages;  /* of the log that are folded back; 0: not asked since it began anew; NO_FURTHER */
};

/* A thread and the connection it uses. */
struct worker {
    struct store *store;
    struct queue *queue;
    struct db *db; /* NULL: computes only */
    pthread_t thread;
};

struct store {
    bool manual;
    struct queue writes, reads, work, files;
    struct lanes lanes; /* of `writes` */
    struct folder folder;
    struct worker writer, computer, filers[FILERS], readers[READERS_MAX];
    unsigned reader_count;
    struct archive_shared archive;
    atomic_uint pending[SLOTS]; /* writes submitted and not yet committed */
    atomic_uint_fast64_t waiting_jobs, waiting_bytes;
    struct gauge waiting_writes;
    atomic_uint_fast64_t commits, wrote, read, failures;
    atomic_int_fast64_t commit_ms_max;
};

/* --- queues --- */

static void queue_init(struct queue *q) {
    *q = (struct queue){0};
    pthread_mutex_init(&q->lock, NULL);
    pthread_cond_init(&q->filled, NULL);
}

static void queue_destroy(struct queue *q) {
    pthread_cond_destroy(&q->filled);
    pthread_mutex_destroy(&q->lock);
}

static struct store_job *job_next(const struct store_job *job) {
    return (struct store_job *)job->msg.next;
}

static bool queue_is_empty(const struct queue *q) {
    return q->lanes ? lanes_empty(q->lanes) : q->first == NULL;
}

static void chain_add(struct queue *q, struct store_job *job) {
    job->msg.next = NULL;
    if (q->first) {
        q->last->msg.next = &job->msg;
    } else {
        q->first = job;
    }
    q->last = job;
}

static void queue_add(struct queue *q, struct store_job *job) {
    pthread_mutex_lock(&q->lock);
    bool was_empty = queue_is_empty(q);
    if (q->lanes) {
        lanes_add(q->lanes, job);
    } else {
        chain_add(q, job);
    }
    pthread_mutex_unlock(&q->lock);
    if (was_empty) pthread_cond_signal(&q->filled);
}

static void queue_close(struct queue *q) {
    pthread_mutex_lock(&q->lock);
    q->closed = true;
    pthread_mutex_unlock(&q->lock);
    pthread_cond_broadcast(&q->filled);
}

static struct store_job *chain_take(struct queue *q) {
    struct store_job *job = q->first;
    if (!job) return NULL;
    q->first = job_next(job);
    job->msg.next = NULL;
    return job;
}

/* One job, or of the writes up to `jobs` as a chain; waits for one unless told not to. NULL: closed and empty, or nothing there. */
static struct store_job *queue_take(struct queue *q, unsigned jobs, bool wait) {
    pthread_mutex_lock(&q->lock);
    while (wait && queue_is_empty(q) && !q->closed) pthread_cond_wait(&q->filled, &q->lock);
    struct store_job *first = q->lanes ? lanes_take(q->lanes, jobs, BATCH_BYTES_MAX) : chain_take(q);
    bool more = !queue_is_empty(q);
    pthread_mutex_unlock(&q->lock);
    if (more) pthread_cond_signal(&q->filled); /* for another reader: queue_add signals only the first */
    return first;
}

/* --- one job --- */

static bool is_failure(int result) {
    return result == ERR_FULL || result == ERR_STORE || result == ERR_IO;
}

/* A reader waits for the writer to bring an account's archive into order. On the reader's stack. */
struct settling {
    struct store_job job;
    int64_t account;
    pthread_mutex_t lock;
    pthread_cond_t finished;
    bool done;
};

static int settling_run(struct db *db, struct store_job *job) {
    return archive_index_ready(db, ((struct settling *)job)->account);
}

static void settling_finish(struct settling *s) {
    pthread_mutex_lock(&s->lock);
    s->done = true;
    pthread_cond_signal(&s->finished); /* under the lock: once it is open, s may be gone */
    pthread_mutex_unlock(&s->lock);
}

static int reader_settles(void *arg, int64_t account) {
    struct store *store = arg;
    struct settling s = {.job = {.kind = STORE_WRITE, .run = settling_run}, .account = account};
    pthread_mutex_init(&s.lock, NULL);
    pthread_cond_init(&s.finished, NULL);
    queue_add(&store->writes, &s.job);
    pthread_mutex_lock(&s.lock);
    while (!s.done) pthread_cond_wait(&s.finished, &s.lock);
    pthread_mutex_unlock(&s.lock);
    pthread_cond_destroy(&s.finished);
    pthread_mutex_destroy(&s.lock);
    return s.job.result;
}

/* It counts as waiting until it is posted: who sees that nothing waits any more knows that no worker touches a place. */
static void job_finish(struct store *store, struct store_job *job) {
    uint32_t bytes = job->msg.bytes;
    struct hub *hub = job->home->hub;
    bool is_write = job->kind == STORE_WRITE;
    if (is_failure(job->result)) atomic_fetch_add_explicit(&store->failures, 1, memory_order_relaxed);
    shard_post(job->home, &job->msg); /* whoever gets it may free it */
    atomic_fetch_sub_explicit(&store->waiting_bytes, bytes, memory_order_relaxed);
    if (is_write && gauge_take(&store->waiting_writes, bytes)) hub_relieve(hub);
    atomic_fetch_sub_explicit(&store->waiting_jobs, 1, memory_order_release);
}

static void job_read(struct store *store, struct db *db, struct store_job *job) {
    int err = db_begin(db);
    job->result = err ? err : job->run(db, job);
    if (!err) db_commit(db); /* ends the view; it changed nothing */
    atomic_fetch_add_explicit(&store->read, 1, memory_order_relaxed);
    job_finish(store, job);
}

static void job_compute(struct store *store, struct store_job *job) {
    job->result = job->run(NULL, job);
    job_finish(store, job);
}

/* --- writing --- */

static int64_t clock_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int commit_measured(struct store *store) {
    int64_t began_ms = clock_ms();
    int err = db_commit(store->writer.db);
    int64_t took_ms = clock_ms() - began_ms;
    atomic_fetch_add_explicit(&store->commits, 1, memory_order_relaxed);
    if (took_ms > atomic_load_explicit(&store->commit_ms_max, memory_order_relaxed))
        atomic_store_explicit(&store->commit_ms_max, took_ms, memory_order_relaxed);
    return err;
}

/* False when the whole batch must go back: the database failed, or a job refused after it had changed something. */
static bool job_write(struct db *db, struct store_job *job) {
    int64_t changes = db_changes_total(db);
    job->result = job->run(db, job);
    if (job->result >= 0) return true;
    return !is_failure(job->result) && db_changes_total(db) == changes;
}

static bool batch_together(struct store *store, struct store_job *first) {
    struct db *db = store->writer.db;
    if (db_begin(db)) return false;
    for (struct store_job *job = first; job; job = job_next(job)) {
        if (job->kind != STORE_WRITE || job_write(db, job)) continue;
        db_rollback(db);
        return false;
    }
    if (archive_index_tidy(db)) {
        db_rollback(db);
        return false;
    }
    return commit_measured(store) == 0;
}

static void job_alone(struct store *store, struct store_job *job) {
    struct db *db = store->writer.db;
    job->result = db_begin(db);
    if (job->result) return;
    job->result = job->run(db, job);
    if (job->result < 0) {
        db_rollback(db);
        return;
    }
    int err = commit_measured(store);
    if (err) job->result = err;
}

/* Answers go out, and reads that waited for them go on. */
static void batch_release(struct store *store, struct store_job *first) {
    for (struct store_job *job = first, *next; job; job = next) {
        next = job_next(job); /* whoever gets it may free it */
        if (job->kind == STORE_READ) {
            queue_add(&store->reads, job);
            continue;
        }
        if (job->run == settling_run) {
            settling_finish((struct settling *)job);
            continue;
        }
        atomic_fetch_sub_explicit(&store->pending[job->slot], 1, memory_order_release);
        atomic_fetch_add_explicit(&store->wrote, 1, memory_order_relaxed);
        job_finish(store, job);
    }
}

static bool batch_writes(const struct store_job *first) {
    while (first && first->kind != STORE_WRITE) first = job_next(first);
    return first != NULL;
}

static bool batch_is_long(const struct store_job *first) {
    unsigned count = 0;
    for (const struct store_job *job = first; job && count < BUSY_JOBS; job = job_next(job)) count++;
    return count == BUSY_JOBS;
}

static void folder_ask(struct folder *f) {
    pthread_mutex_lock(&f->lock);
    atomic_store(&f->asked, true);
    pthread_cond_signal(&f->asked_now);
    pthread_mutex_unlock(&f->lock);
}

/* Not in the writer's time: it takes a tenth of a second on a good day, and everybody's messages would wait. */
static void writer_tidy(struct store *store) {
    struct folder *f = &store->folder;
    struct db *db = store->writer.db;
    int untidy = db_untidy(db);
    if (!untidy || atomic_load(&f->asked)) return;
    int pages = atomic_load(&f->pages);
    if (f->db && pages != NO_FURTHER && untidy - pages > REST_PAGES_MAX) {
        folder_ask(f);
        return;
    }
    db_tidy(db);
    atomic_store(&f->pages, 0);
}

static void *folder_main(void *arg) {
    struct folder *f = arg;
    pthread_mutex_lock(&f->lock);
    for (;;) {
        while (!atomic_load(&f->asked) && !f->closed) pthread_cond_wait(&f->asked_now, &f->lock);
        if (f->closed) break;
        pthread_mutex_unlock(&f->lock);
        int pages = db_fold(f->db);
        atomic_store(&f->pages, pages > atomic_load(&f->pages) ? pages : NO_FURTHER);
        atomic_store(&f->asked, false);
        pthread_mutex_lock(&f->lock);
    }
    pthread_mutex_unlock(&f->lock);
    return NULL;
}

static void batch_run(struct store *store, struct store_job *first) {
    if (batch_writes(first) && !batch_together(store, first))
        for (struct store_job *job = first; job; job = job_next(job))
            if (job->kind == STORE_WRITE) job_alone(store, job);
    batch_release(store, first);
    writer_tidy(store);
}

/* --- threads --- */

static void *writer_main(void *arg) {
    struct worker *w = arg;
    struct store_job *batch;
    while ((batch = queue_take(w->queue, BATCH_JOBS_MAX, true))) {
        bool is_busy = batch_is_long(batch);
        batch_run(w->store, batch);
        if (is_busy) nanosleep(&(struct timespec){.tv_nsec = GATHER_MS * 1000000}, NULL);
    }
    return NULL;
}

static void *reader_main(void *arg) {
    struct worker *w = arg;
    struct store_job *job;
    while ((job = queue_take(w->queue, 1, true))) job_read(w->store, w->db, job);
    return NULL;
}

static void *computer_main(void *arg) {
    struct worker *w = arg;
    struct store_job *job;
    while ((job = queue_take(w->queue, 1, true))) job_compute(w->store, job);
    return NULL;
}

static void thread_start(pthread_t *thread, void *(*main)(void *), void *arg, const char *name) {
    sigset_t all, before; /* signals are for the first thread */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    CHECK(pthread_create(thread, NULL, main, arg) == 0); /* at start-up only */
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_setname_np(*thread, name);
}

static void worker_start(struct worker *w, struct queue *queue, void *(*main)(void *), const char *name) {
    w->queue = queue;
    thread_start(&w->thread, main, w, name);
}

static void folder_start(struct folder *f) {
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->asked_now, NULL);
    thread_start(&f->thread, folder_main, f, "store-fold");
}

static void folder_stop(struct folder *f) {
    pthread_mutex_lock(&f->lock);
    f->closed = true;
    pthread_cond_signal(&f->asked_now);
    pthread_mutex_unlock(&f->lock);
    pthread_join(f->thread, NULL);
    pthread_cond_destroy(&f->asked_now);
    pthread_mutex_destroy(&f->lock);
}

/* --- the face --- */

static int connections_open(struct store *store, const struct store_options *options) {
    int err = db_open(&options->db, &store->writer.db);
    if (!err) err = migrate(store->writer.db);
    if (!err) err = archive_index_attach(store->writer.db, &store->archive, NULL, NULL);
    if (!err && !options->manual) err = db_open(&options->db, &store->folder.db);
    struct db_options reading = options->db;
    reading.read_only = true;
    for (unsigned i = 0; !err && i < store->reader_count; i++) {
        err = db_open(&reading, &store->readers[i].db);
        if (!err) err = archive_index_attach(store->readers[i].db, &store->archive, reader_settles, store);
    }
    return err;
}

static void store_destroy(struct store **store) {
    struct store *s = *store;
    *store = NULL;
    for (unsigned i = 0; i < s->reader_count; i++) {
        archive_index_detach(s->readers[i].db);
        db_close(&s->readers[i].db);
    }
    db_close(&s->folder.db);
    archive_index_detach(s->writer.db);
    db_close(&s->writer.db); /* last: it folds the log back */
    queue_destroy(&s->writes);
    queue_destroy(&s->reads);
    queue_destroy(&s->work);
    queue_destroy(&s->files);
    free(s);
}

static void threads_start(struct store *store) {
    worker_start(&store->writer, &store->writes, writer_main, "store-write");
    folder_start(&store->folder);
    worker_start(&store->computer, &store->work, computer_main, "store-work");
    for (unsigned i = 0; i < FILERS; i++) worker_start(&store->filers[i], &store->files, computer_main, "store-file");
    for (unsigned i = 0; i < store->reader_count; i++)
        worker_start(&store->readers[i], &store->reads, reader_main, "store-read");
}

int store_open(const struct store_options *options, struct store **out) {
    CHECK(options->readers <= READERS_MAX);
    struct store *store = calloc(1, sizeof *store);
    CHECK(store);
    store->manual = options->manual;
    store->waiting_writes.high = options->waiting_max;
    store->reader_count = options->manual ? 0 : options->readers ? options->readers : 2;
    store->writer.store = store->computer.store = store;
    for (unsigned i = 0; i < READERS_MAX; i++) store->readers[i].store = store;
    for (unsigned i = 0; i < FILERS; i++) store->filers[i].store = store;
    queue_init(&store->writes);
    lanes_init(&store->lanes);
    store->writes.lanes = &store->lanes;
    queue_init(&store->reads);
    queue_init(&store->work);
    queue_init(&store->files);
    int err = connections_open(store, options);
    if (err) {
        LOG(LOG_ERROR, "store_not_opened", F_C("path", options->db.path), F_ERR("as", err));
        store_destroy(&store);
        return err;
    }
    if (!store->manual) threads_start(store);
    *out = store;
    return 0;
}

/* Jobs go from queue to queue and back, so the queues are closed when nothing is anywhere. */
static void threads_stop(struct store *store) {
    while (atomic_load(&store->waiting_jobs) > 0) nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    queue_close(&store->writes);
    queue_close(&store->reads);
    queue_close(&store->work);
    queue_close(&store->files);
    pthread_join(store->writer.thread, NULL);
    folder_stop(&store->folder);
    pthread_join(store->computer.thread, NULL);
    for (unsigned i = 0; i < FILERS; i++) pthread_join(store->filers[i].thread, NULL);
    for (unsigned i = 0; i < store->reader_count; i++) pthread_join(store->readers[i].thread, NULL);
}

void store_close(struct store **store) {
    struct store *s = *store;
    if (!s) return;
    if (!s->manual) threads_stop(s);
    while (s->manual && store_manual_step(s, 0)) {}
    store_destroy(store);
}

static struct queue *queue_for(struct store *store, const struct store_job *job) {
    if (job->kind == STORE_WORK) return &store->work;
    if (job->kind == STORE_FILE) return &store->files;
    if (job->kind == STORE_WRITE) return &store->writes;
    bool waits = atomic_load_explicit(&store->pending[job->slot], memory_order_acquire) > 0;
    return waits ? &store->writes : &store->reads;
}

void store_submit(struct store *store, struct turn *turn, struct store_job *job) {
    CHECK(job->slot < SLOTS && job->run && job->done);
    job->msg.type = MSG_STORE_DONE;
    job->msg.from = turn->shard->index;
    job->home = turn->shard;
    job->submitted_ms = turn->now_ms;
    job->result = 0;
    atomic_fetch_add_explicit(&store->waiting_jobs, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&store->waiting_bytes, job->msg.bytes, memory_order_relaxed);
    struct queue *queue = queue_for(store, job);
    if (job->kind == STORE_WRITE) {
        gauge_add(&store->waiting_writes, job->msg.bytes);
        atomic_fetch_add_explicit(&store->pending[job->slot], 1, memory_order_relaxed);
    }
    queue_add(queue, job);
}

bool store_is_crowded(struct store *store, bool is_modest) {
    return gauge_is_high(&store->waiting_writes, is_modest);
}

void store_load(const struct store *store, uint64_t *out_jobs, uint64_t *out_bytes) {
    *out_jobs = atomic_load_explicit(&store->waiting_jobs, memory_order_acquire);
    *out_bytes = atomic_load_explicit(&store->waiting_bytes, memory_order_relaxed);
}

void store_stats(const struct store *store, struct store_stats *out) {
    *out = (struct store_stats){
        .commits = atomic_load_explicit(&store->commits, memory_order_relaxed),
        .writes = atomic_load_explicit(&store->wrote, memory_order_relaxed),
        .reads = atomic_load_explicit(&store->read, memory_order_relaxed),
        .failures = atomic_load_explicit(&store->failures, memory_order_relaxed),
        .commit_ms_max = atomic_load_explicit(&store->commit_ms_max, memory_order_relaxed),
    };
}

bool store_manual_step(struct store *store, unsigned batch) {
    CHECK(store->manual);
    bool did = false;
    struct store_job *job;
    while ((job = queue_take(&store->writes, batch ? batch : BATCH_JOBS_MAX, false))) {
        batch_run(store, job);
        did = true;
        if (batch) break;
    }
    while ((job = queue_take(&store->reads, 1, false))) {
        job_read(store, store->writer.db, job);
        did = true;
    }
    struct queue *computed[] = {&store->work, &store->files};
    for (size_t i = 0; i < 2; i++) {
        while ((job = queue_take(computed[i], 1, false))) {
            job_compute(store, job);
            did = true;
        }
    }
    return did;
}

struct db *store_db(struct store *store) {
    return store->writer.db;
}
