/*
 * search.c: what changed in archives is noted for the index (schema 0010) until the index says that it stands there for good; then it goes, some
 * at a time, as jobs behind what others have waiting. On the first shard. Most of the time there is nothing, and no job.
 */
#include "im/search.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/log.h"
#include "store/backup.h"

enum { PIECE = 500, NEXT_MS = 20, LOOK_MS = 5000, AGAIN_MS = 60000 };

struct searching {
    struct server *server;
    struct loop_timer timer;
    int64_t cleared; /* up to this change */
};

struct piece {
    struct store_job job;
    struct searching *searching;
    int64_t upto;
    bool more;
};

/* Writer. */
static int piece_run(struct db *db, struct store_job *job) {
    struct piece *p = (struct piece *)job;
    return search_changes_drop(db, p->upto, PIECE, &p->more);
}

static void piece_done(struct turn *turn, struct store_job *job) {
    struct piece *p = (struct piece *)job;
    struct searching *s = p->searching;
    int64_t wait_ms = p->more ? NEXT_MS : LOOK_MS;
    if (job->result) {
        LOG(LOG_ERROR, "search-changes-not-cleared", F_ERR("error", job->result));
        wait_ms = AGAIN_MS;
    } else if (!p->more) {
        s->cleared = p->upto;
    }
    loop_timer_set(turn->shard->loop, &s->timer, turn->now_ms + wait_ms);
    free(p);
}

static void on_time(struct loop_timer *timer, int64_t now_ms) {
    struct searching *s = CONTAINER_OF(timer, struct searching, timer);
    struct turn *turn = shard_turn(s->server->hub->places[0]);
    struct search_stats stats;
    search_stats(s->server->search, &stats);
    if (im_of(turn)->stopping) return;
    if (stats.changes == s->cleared) {
        loop_timer_set(turn->shard->loop, &s->timer, now_ms + LOOK_MS);
        return;
    }
    struct piece *p = msg_new(MSG_STORE_DONE, sizeof *p, 0);
    p->searching = s;
    p->upto = stats.changes;
    p->job.kind = STORE_WRITE;
    p->job.run = piece_run;
    p->job.done = piece_done;
    store_submit(s->server->store, turn, &p->job);
}

struct searching *searching_new(struct server *server, const char *vfs) {
    struct searching *s = calloc(1, sizeof *s);
    CHECK(s != NULL);
    s->server = server;
    struct arena *arena = arena_new();
    struct str dir = server->options.data_dir;
    server->search = search_open(&(struct search_options){
        .archive = arena_printf(arena, "%.*s/" BACKUP_DATABASE, STR_FMT(dir)).p,
        .index = arena_printf(arena, "%.*s/search.db", STR_FMT(dir)).p,
        .vfs = vfs,
        .manual = !server->options.search_index,
    });
    arena_free(&arena);
    s->timer.fire = on_time;
    struct loop *loop = server->hub->places[0]->loop;
    loop_timer_set(loop, &s->timer, loop_now_ms(loop) + LOOK_MS);
    return s;
}

void searching_free(struct searching **searching) {
    struct searching *s = *searching;
    if (!s) return;
    *searching = NULL;
    search_close(&s->server->search);
    free(s);
}
