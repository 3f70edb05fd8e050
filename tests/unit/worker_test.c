/*
 * worker_test.c: the store's promises: order of completions, none before its commit, one bad job hurts nobody, reads behind the
 * writes of their slot, an archive that is read is in order. With threads and, the same, by hand.
 */
#include "store_unit.h"

#include <time.h>

#include "base/check.h"
#include "base/log.h"
#include "store/accounts.h"
#include "store/archive.h"
#include "store/store.h"

static struct hub hub;
static struct shard *place;
static struct store *store;
static int finished;

struct job {
    struct store_job store;
    int number, order; /* which completion it was, from 1 */
    int (*body)(struct db *db, struct job *job);
    int64_t seen;
};

static void on_done(struct turn *turn, struct msg *msg) {
    struct store_job *job = (struct store_job *)msg;
    job->done(turn, job);
}
static const msg_handler handlers[MSG_TYPES] = {[MSG_STORE_DONE] = on_done};

static int job_run(struct db *db, struct store_job *job) {
    return ((struct job *)job)->body(db, (struct job *)job);
}

static void job_done(struct turn *turn, struct store_job *job) {
    assert_ptr_equal(turn->shard, place);
    ((struct job *)job)->order = ++finished;
}

static struct job *job_new(enum store_kind kind, uint16_t slot, int (*body)(struct db *, struct job *), int number) {
    struct job *job = msg_new(MSG_STORE_DONE, sizeof *job, 0);
    job->store.kind = kind;
    job->store.slot = slot;
    job->store.run = job_run;
    job->store.done = job_done;
    job->body = body;
    job->number = number;
    return job;
}

static void job_submit(struct job *job) {
    store_submit(store, turn_begin(place), &job->store);
}

static struct job *submit(enum store_kind kind, uint16_t slot, int (*body)(struct db *, struct job *), int number) {
    struct job *job = job_new(kind, slot, body, number);
    job_submit(job);
    return job;
}

static void wait_for(int n, bool manual) {
    struct timespec pause = {.tv_nsec = 200000};
    for (int i = 0; i < 50000 && finished < n; i++) {
        if (manual)
            store_manual_step(store, 7);
        else
            nanosleep(&pause, NULL);
        turn_begin(place);
        shard_drain(place);
        turn_end(place);
    }
    assert_int_equal(finished, n);
}

static int setup(void **state, bool manual) {
    if (home_make(state)) return -1;
    log_set_level(LOG_ERROR);
    hub = (struct hub){0};
    place = shard_new(&hub, false, handlers);
    finished = 0;
    struct store_options options = {.db = {.path = unit_path}, .manual = manual};
    int err = store_open(&options, &store);
    if (!err) err = db_script(store_db(store), "CREATE TABLE t (a INTEGER PRIMARY KEY)");
    return err;
}

static int setup_threads(void **state) {
    return setup(state, false);
}

static int setup_manual(void **state) {
    return setup(state, true);
}

static int teardown(void **state) {
    store_close(&store);
    store_close(&store);
    shard_free(&place);
    return home_remove(state);
}

/* --- bodies --- */

static int insert(struct db *db, struct job *job) {
    struct db_statement *s = db_prepare(db, "INSERT INTO t VALUES (?1)");
    db_bind_int(s, 1, job->number);
    return db_run(s);
}

static int count(struct db *db, struct job *job) {
    struct db_statement *s = db_prepare(db, "SELECT count(*) FROM t");
    if (db_step(s) == 1) job->seen = db_int(s, 0);
    db_finish(s);
    return 0;
}

static int insert_then_refuse(struct db *db, struct job *job) {
    int err = insert(db, job);
    return err ? err : ERR_DENIED;
}

static int insert_then_fail(struct db *db, struct job *job) {
    int err = insert(db, job);
    return err ? err : ERR_STORE;
}

static int refuse(struct db *db, struct job *job) {
    (void)db;
    (void)job;
    return ERR_NOT_FOUND;
}

static int compute(struct db *db, struct job *job) {
    assert_null(db);
    job->seen = job->number * 2;
    return 0;
}

/* --- tests; manual says how --- */

static void order_of_completions(bool manual) {
    enum { N = 500 };
    struct job *jobs[N];
    for (int i = 0; i < N; i++) jobs[i] = submit(STORE_WRITE, (uint16_t)(i % 5), insert, i);
    uint64_t waiting, bytes;
    store_load(store, &waiting, &bytes);
    assert_true(waiting <= N && bytes <= N * sizeof(struct job));
    wait_for(N, manual);
    for (int i = 0; i < N; i++) {
        assert_int_equal(jobs[i]->store.result, 0);
        if (i >= 5) assert_true(jobs[i]->order > jobs[i - 5]->order); /* the one before it of its slot */
    }
    for (int i = 0; i < N; i++) free(jobs[i]);
    struct store_stats stats;
    store_stats(store, &stats);
    assert_int_equal(stats.writes, N);
    assert_true(stats.commits >= 1 && stats.commits <= N);
    store_load(store, &waiting, &bytes);
    assert_int_equal(waiting, 0);
    assert_int_equal(bytes, 0);
}

static void one_bad_job(bool manual) {
    static int (*const bodies[])(struct db *, struct job *) = {insert, insert_then_refuse, insert,
                                                               refuse, insert_then_fail,   insert};
    static const int results[] = {0, ERR_DENIED, 0, ERR_NOT_FOUND, ERR_STORE, 0};
    struct job *jobs[6];
    for (int i = 0; i < 6; i++) jobs[i] = submit(STORE_WRITE, 1, bodies[i], i);
    struct job *twice = submit(STORE_WRITE, 1, insert, 0), *after = submit(STORE_READ, 1, count, 0);
    wait_for(8, manual);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(jobs[i]->store.result, results[i]);
        assert_int_equal(jobs[i]->order, i + 1);
        free(jobs[i]);
    }
    assert_int_equal(twice->store.result, ERR_EXISTS);
    assert_int_equal(after->seen, 3); /* what the bad ones did is gone, what the good ones did is there */
    free(twice);
    free(after);
}

static void reads_behind_writes(bool manual) {
    enum { ROUNDS = 100 };
    struct job *writes[ROUNDS], *reads[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        writes[i] = submit(STORE_WRITE, 3, insert, i);
        reads[i] = submit(STORE_READ, 3, count, i);
    }
    wait_for(2 * ROUNDS, manual);
    for (int i = 0; i < ROUNDS; i++) {
        assert_true(reads[i]->seen >= i + 1);
        assert_true(reads[i]->order > writes[i]->order);
        free(reads[i]);
        free(writes[i]);
    }
}

static void computing(bool manual) {
    struct job *job = submit(STORE_WORK, 0, compute, 21);
    wait_for(1, manual);
    assert_int_equal(job->seen, 42);
    free(job);
}

static int archive_one(struct db *db, struct job *job) {
    struct archive_entry e = {.out = {1 + job->number % 3, job->number + 1, STR("b@x"), ARCHIVE_OUT},
                              .stanza = STR("<m/>")};
    return archive_add(db, &e);
}

static bool count_row(void *arg, const struct archive_row *row) {
    (void)row;
    ++*(int64_t *)arg;
    return true;
}

static int archive_read(struct db *db, struct job *job) {
    bool complete;
    job->seen = 0;
    return archive_query(db, &(struct archive_query){.account = 1 + job->number % 3, .max = 100000}, count_row,
                         &job->seen, &complete);
}

static void an_archive_that_is_read(bool manual) {
    enum { ROUNDS = 300 };
    struct job *writes[ROUNDS], *reads[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        writes[i] = submit(STORE_WRITE, (uint16_t)(i % 3), archive_one, i);
        reads[i] = submit(STORE_READ, (uint16_t)(i % 3), archive_read, i);
        if (i % 50 == 49) wait_for(2 * (i + 1), manual);
    }
    for (int i = 0; i < ROUNDS; i++) {
        assert_int_equal(reads[i]->store.result, 0);
        assert_true(reads[i]->seen >= i / 3 + 1);
        free(reads[i]);
        free(writes[i]);
    }
}

static void closing_finishes(bool manual) {
    struct job *jobs[50];
    for (int i = 0; i < 50; i++)
        jobs[i] = submit(i % 2 ? STORE_READ : STORE_WRITE, 1, i % 2 ? archive_read : archive_one, i);
    store_close(&store);
    wait_for(50, false);
    (void)manual;
    for (int i = 0; i < 50; i++) free(jobs[i]);
}

#define BOTH(name)                                                                                                     \
    static void test_##name(void **state) {                                                                            \
        (void)state;                                                                                                   \
        name(false);                                                                                                   \
    }                                                                                                                  \
    static void test_##name##_by_hand(void **state) {                                                                  \
        (void)state;                                                                                                   \
        name(true);                                                                                                    \
    }
BOTH(order_of_completions)
BOTH(one_bad_job)
BOTH(reads_behind_writes)
BOTH(computing)
BOTH(an_archive_that_is_read)
BOTH(closing_finishes)

static void test_steps(void **state) {
    (void)state;
    struct job *jobs[4];
    assert_false(store_manual_step(store, 0));
    for (int i = 0; i < 4; i++) jobs[i] = submit(STORE_WRITE, 0, insert, i);
    assert_true(store_manual_step(store, 3));
    shard_drain(place);
    assert_int_equal(finished, 3);
    assert_true(store_manual_step(store, 3));
    assert_false(store_manual_step(store, 3));
    shard_drain(place);
    assert_int_equal(finished, 4);
    for (int i = 0; i < 4; i++) free(jobs[i]);
}

/* Slots take turns by bytes: who writes little does not wait for all that others have waiting. */
static void test_turns(void **state) {
    (void)state;
    enum { LARGE = 100, BYTES = 300000 };
    struct job *large[LARGE];
    for (int i = 0; i < LARGE; i++) {
        large[i] = job_new(STORE_WRITE, (uint16_t)(1 + i % 4), insert, i);
        large[i]->store.msg.bytes = BYTES;
        job_submit(large[i]);
    }
    struct job *small = submit(STORE_WRITE, 9, insert, LARGE), *also = submit(STORE_WRITE, 9, insert, LARGE + 1);
    assert_true(store_manual_step(store, LARGE));
    shard_drain(place);
    assert_true(small->order > 0 && also->order == small->order + 1);
    assert_true(finished < 20); /* bytes bound a batch, too */
    wait_for(LARGE + 2, true);
    for (int i = 4; i < LARGE; i++) assert_true(large[i]->order > large[i - 4]->order);
    for (int i = 0; i < LARGE; i++) free(large[i]);
    free(small);
    free(also);
}

#define THREADS(name) cmocka_unit_test_setup_teardown(test_##name, setup_threads, teardown)
#define BY_HAND(name) cmocka_unit_test_setup_teardown(test_##name, setup_manual, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        THREADS(order_of_completions),
        BY_HAND(order_of_completions_by_hand),
        THREADS(one_bad_job),
        BY_HAND(one_bad_job_by_hand),
        THREADS(reads_behind_writes),
        BY_HAND(reads_behind_writes_by_hand),
        THREADS(computing),
        BY_HAND(computing_by_hand),
        THREADS(an_archive_that_is_read),
        BY_HAND(an_archive_that_is_read_by_hand),
        THREADS(closing_finishes),
        BY_HAND(closing_finishes_by_hand),
        BY_HAND(steps),
        BY_HAND(turns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
