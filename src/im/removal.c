/*
 * removal.c: an archive may have millions of rows, and the writer has one thread: rows go some at a time, each time as a job behind
 * what others have waiting. On the first shard. Which accounts are leaving stands in the database, so a crash forgets none.
 */
#include "im/removal.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/log.h"
#include "store/accounts.h"

enum { PIECE_ROWS = 200, NEXT_MS = 10, AGAIN_MS = 60000 };

struct removal {
    struct server *server;
    struct loop_timer timer;
    bool at_work;
};

struct piece {
    struct store_job job;
    struct removal *removal;
    int64_t account;
};

/* Writer. */
static int piece_run(struct db *db, struct store_job *job) {
    struct piece *p = (struct piece *)job;
    int err = accounts_leaving(db, &p->account);
    return err || p->account == 0 ? err : accounts_clear(db, p->account, PIECE_ROWS);
}

static void piece_done(struct turn *turn, struct store_job *job) {
    struct piece *p = (struct piece *)job;
    struct removal *removal = p->removal;
    removal->at_work = false;
    if (job->result) LOG(LOG_ERROR, "archive-not-removed", F_INT("account", p->account), F_ERR("error", job->result));
    if (job->result || p->account)
        loop_timer_set(turn->shard->loop, &removal->timer, turn->now_ms + (job->result ? AGAIN_MS : NEXT_MS));
    free(p);
}

static void on_time(struct loop_timer *timer, int64_t now_ms) {
    (void)now_ms;
    struct removal *removal = CONTAINER_OF(timer, struct removal, timer);
    struct turn *turn = shard_turn(removal->server->hub->places[0]);
    if (removal->at_work || im_of(turn)->stopping) return;
    struct piece *p = msg_new(MSG_STORE_DONE, sizeof *p, 0);
    p->removal = removal;
    p->job.kind = STORE_WRITE;
    p->job.run = piece_run;
    p->job.done = piece_done;
    removal->at_work = true;
    store_submit(removal->server->store, turn, &p->job);
}

static void on_begin(struct turn *turn, struct msg_call *call) {
    free(call);
    struct removal *removal = ((struct server *)turn->shard->hub->server)->removal;
    if (!removal->at_work) loop_timer_set(turn->shard->loop, &removal->timer, turn->now_ms + NEXT_MS);
}

void removal_begin(struct turn *turn, struct removal *removal) {
    if (!removal) return;
    struct msg_call *call = msg_new(MSG_CALL, sizeof *call, 0);
    call->run = on_begin;
    shard_post(turn->shard->hub->places[0], &call->msg);
}

struct removal *removal_new(struct server *server) {
    struct removal *removal = calloc(1, sizeof *removal);
    CHECK(removal != NULL);
    removal->server = server;
    removal->timer.fire = on_time;
    struct loop *loop = server->hub->places[0]->loop;
    loop_timer_set(loop, &removal->timer, loop_now_ms(loop) + NEXT_MS);
    return removal;
}

void removal_free(struct removal **removal) {
    free(*removal);
    *removal = NULL;
}
