/*
 * retention.c: at a moment everything older than what is kept is gone, for every query; then it goes from the disk, some messages at a time, as
 * jobs behind what others have waiting. On the first shard. Nothing is remembered of it: after a crash it begins again at the oldest message.
 */
#include "im/retention.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/log.h"
#include "store/retention.h"

enum { PIECE = 100, NEXT_MS = 20, AGAIN_MS = 60000, PASS_MS_MIN = 1000, PASS_MS_MAX = 3600 * 1000 };

struct retention {
    struct server *server;
    struct loop_timer timer;
    int64_t pass_ms; /* between two moments */
    int64_t upto;    /* of this pass; 0: a new one begins */
    int64_t cursor;
};

struct piece {
    struct store_job job;
    struct retention *retention;
    int64_t upto, from, cursor;
    bool more;
};

/* Writer. */
static int piece_run(struct db *db, struct store_job *job) {
    struct piece *p = (struct piece *)job;
    p->cursor = p->from; /* it may run twice */
    return archive_expire(db, p->upto, PIECE, &p->cursor, &p->more);
}

static void piece_done(struct turn *turn, struct store_job *job) {
    struct piece *p = (struct piece *)job;
    struct retention *r = p->retention;
    int64_t wait_ms = NEXT_MS;
    if (job->result) {
        LOG(LOG_ERROR, "archive-not-expired", F_ERR("error", job->result));
        wait_ms = AGAIN_MS;
    } else {
        r->cursor = p->cursor;
        if (!p->more) {
            r->upto = 0;
            wait_ms = r->pass_ms;
        }
    }
    loop_timer_set(turn->shard->loop, &r->timer, turn->now_ms + wait_ms);
    free(p);
}

static void pass_begin(struct retention *r, int64_t wall_us) {
    r->upto = wall_us - r->server->options.keep_ms * 1000;
    r->cursor = 0;
    atomic_store_explicit(&r->server->archive_gone_us, r->upto, memory_order_relaxed);
}

static void on_time(struct loop_timer *timer, int64_t now_ms) {
    (void)now_ms;
    struct retention *r = CONTAINER_OF(timer, struct retention, timer);
    struct turn *turn = shard_turn(r->server->hub->places[0]);
    if (im_of(turn)->stopping) return;
    if (r->upto == 0) pass_begin(r, turn->wall_us);
    struct piece *p = msg_new(MSG_STORE_DONE, sizeof *p, 0);
    p->retention = r;
    p->upto = r->upto;
    p->from = r->cursor;
    p->job.kind = STORE_WRITE;
    p->job.run = piece_run;
    p->job.done = piece_done;
    store_submit(r->server->store, turn, &p->job);
}

struct retention *retention_new(struct server *server) {
    int64_t keep_ms = server->options.keep_ms;
    if (keep_ms == 0) return NULL;
    struct retention *r = calloc(1, sizeof *r);
    CHECK(r != NULL);
    r->server = server;
    r->timer.fire = on_time;
    r->pass_ms = keep_ms / 24;
    if (r->pass_ms < PASS_MS_MIN) r->pass_ms = PASS_MS_MIN;
    if (r->pass_ms > PASS_MS_MAX) r->pass_ms = PASS_MS_MAX;
    pass_begin(r, server->started_us);
    struct loop *loop = server->hub->places[0]->loop;
    loop_timer_set(loop, &r->timer, loop_now_ms(loop) + NEXT_MS);
    return r;
}

void retention_free(struct retention **retention) {
    free(*retention);
    *retention = NULL;
}
