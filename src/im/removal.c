/*
 * removal.c: an archive may have millions of rows, and the writer has one thread: rows go some at a time, each time as a job behind
 * what others have waiting. On the first shard. Which accounts are leaving, and which rooms are ended, stands in the database, so a crash forgets none.
 */
#include "im/removal.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/log.h"
#include "im/media.h"
#include "store/accounts.h"
#include "store/rooms.h"

enum { PIECE_ROWS = 200, NEXT_MS = 10, AGAIN_MS = 60000, LATE_MAX = 64 };

/*
 * What an account sent just before may still be on its way to other homes, which store it with its sender's place: a minute after it has left, it is
 * looked at once more.
 */
struct removal {
    struct server *server;
    struct loop_timer timer;
    bool at_work;
    int64_t late[LATE_MAX]; /* accounts that have left since the last look */
    unsigned late_count;
    bool looks_late; /* at the next piece: nothing has happened for a while */
};

struct piece {
    struct store_job job;
    struct removal *removal;
    int64_t account; /* 0: none is leaving */
    int64_t room;    /* 0: none is ended */
    int64_t late[LATE_MAX];
    unsigned late_count;
};

/* Writer. */
static int piece_run(struct db *db, struct store_job *job) {
    struct piece *p = (struct piece *)job;
    int err = 0;
    for (unsigned i = 0; !err && i < p->late_count; i++) err = accounts_clear(db, p->late[i], PIECE_ROWS);
    if (!err) err = accounts_leaving(db, &p->account);
    if (!err && p->account) err = accounts_clear(db, p->account, PIECE_ROWS);
    return err ? err : rooms_clear(db, PIECE_ROWS, &p->room);
}

static void late_note(struct removal *removal, int64_t account) {
    unsigned count = removal->late_count;
    bool is_known = count && removal->late[count - 1] == account; /* its pieces come in a row */
    if (!is_known && count < LATE_MAX) removal->late[removal->late_count++] = account;
}

static void piece_done(struct turn *turn, struct store_job *job) {
    struct piece *p = (struct piece *)job;
    struct removal *removal = p->removal;
    removal->at_work = false;
    if (job->result)
        LOG(LOG_ERROR, "archive-not-removed", F_INT("account", p->account), F_INT("room", p->room),
            F_ERR("error", job->result));
    if (p->account) late_note(removal, p->account);
    if (p->account) media_removed(turn, removal->server->media);
    bool waits = job->result || (!p->account && !p->room);
    if (!waits || job->result || removal->late_count)
        loop_timer_set(turn->shard->loop, &removal->timer, turn->now_ms + (waits ? AGAIN_MS : NEXT_MS));
    removal->looks_late = waits;
    free(p);
}

static void on_time(struct loop_timer *timer, int64_t now_ms) {
    (void)now_ms;
    struct removal *removal = CONTAINER_OF(timer, struct removal, timer);
    struct turn *turn = shard_turn(removal->server->hub->places[0]);
    if (removal->at_work || im_of(turn)->stopping) return;
    struct piece *p = msg_new(MSG_STORE_DONE, sizeof *p, 0);
    p->removal = removal;
    if (removal->looks_late) {
        memcpy(p->late, removal->late, sizeof p->late);
        p->late_count = removal->late_count;
        removal->late_count = 0;
    }
    p->job.kind = STORE_WRITE;
    p->job.run = piece_run;
    p->job.done = piece_done;
    removal->at_work = true;
    store_submit(removal->server->store, turn, &p->job);
}

static void on_begin(struct turn *turn, struct msg_call *call) {
    free(call);
    struct removal *removal = ((struct server *)turn->shard->hub->server)->removal;
    removal->looks_late = false;
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
