/*
 * store.h: the asynchronous face of everything durable. A job goes in from any place, runs on a worker, and comes back
 * to the place that submitted it as MSG_STORE_DONE, whose handler calls job->done there.
 *
 *   writes   one thread; all that waits is one transaction (group commit, synchronous=FULL); completions are posted
 *            after the commit, those of a slot in the order of submission; slots take turns. A job whose run fails (or a commit that fails) makes the batch roll back and
 *            each job run again in a transaction of its own, so that one bad job hurts nobody: run must be repeatable.
 *   reads    a pool with read-only connections; a read runs behind the pending writes of its slot.
 *   work     blocking computations without a database (PBKDF2), on a thread of their own.
 *   files    reading and writing of files (blobs.h), on threads of their own: a long upload delays neither commits nor sign-ins.
 */
#ifndef CONFAB_STORE_STORE_H
#define CONFAB_STORE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "shard/shard.h"
#include "store/db.h"

struct store;

enum store_kind { STORE_WRITE, STORE_READ, STORE_WORK, STORE_FILE };

/* First member of a heap-allocated struct of the caller's. */
struct store_job {
    struct msg msg;
    enum store_kind kind;
    uint16_t slot;      /* of the account that it is about: keeps that account's writes and reads in order */
    struct shard *home; /* set by store_submit */
    /* Worker thread. db is NULL for STORE_WORK and STORE_FILE. Touches nothing but the job and the database. 0 or ERR_*; an ERR rolls its own changes back.
     * ERR_EXISTS, ERR_NOT_FOUND, ERR_DENIED are answers of the job, not failures of the store. */
    int (*run)(struct db *db, struct store_job *job);
    /* The submitting place. Consumes the job (frees it). `result` holds what run returned, or ERR_FULL / ERR_STORE of the commit. */
    void (*done)(struct turn *turn, struct store_job *job);
    int result;
    int64_t submitted_ms;
};

struct store_options {
    struct db_options db;
    unsigned readers;     /* 2 */
    uint64_t waiting_max; /* bytes of writes, of store_is_crowded; 0: no limit */
    bool manual;          /* no threads: tests call store_manual_step */
};

/* Opens, migrates. Any thread; on failure ERR_* and a log line. */
int store_open(const struct store_options *options, struct store **out);
/* Finishes everything submitted, then closes. No place may submit any more. */
void store_close(struct store **store);

/* From a place's thread; never blocks. */
void store_submit(struct store *store, struct turn *turn, struct store_job *job);
/* So many bytes (msg.bytes) of writes wait that who causes more of them must wait (shard/gauge.h); there will be relief (hub_relieve). */
bool store_is_crowded(struct store *store, bool is_modest);
/* Bytes and jobs waiting. */
void store_load(const struct store *store, uint64_t *out_jobs, uint64_t *out_bytes);

struct store_stats {
    uint64_t commits, writes, reads, failures;
    int64_t commit_ms_max;
};
void store_stats(const struct store *store, struct store_stats *out);

/* Tests: commits the `batch` oldest waiting writes as one batch (0: all), runs the reads that may run; false when nothing waited. */
bool store_manual_step(struct store *store, unsigned batch);

/* For start-up and tools, before any job: a synchronous use of the writer's connection. */
struct db *store_db(struct store *store);

#endif
