/*
 * media.c: what goes by itself: every few seconds slots that were not used and files that are too old are removed, and files that nobody owns any more
 * are deleted; the counts of what there is are read again. One round at a time, started by the first shard: writer (rows) -> file thread
 * (files) -> writer (that they are gone). A crash in between leaves the names in dead_files, for the next round.
 */
#include "im/media.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/err.h"
#include "base/log.h"

enum { ROUND_FILES = 64, ROUND_MS = 10000, ROUND_LEAST_MS = 250, HURRY_MS = 500 };

struct round {
    struct store_job job;
    struct media *media;
    int64_t now_us;
    struct slot_totals totals;
    unsigned expired, count;
    char names[ROUND_FILES][SLOT_ID_LEN + 1];
    bool deleted[ROUND_FILES];
};

/* --- a round --- */

static bool is_claimed(void *arg, struct str get_id) {
    struct media *media = arg;
    return blob_is_claimed(media->blobs, get_id);
}

static void name_take(void *arg, struct str file) {
    struct round *r = arg;
    if (file.len != SLOT_ID_LEN || r->count == ROUND_FILES) return;
    memcpy(r->names[r->count++], file.p, SLOT_ID_LEN);
}

/* Writer. */
static int round_rows(struct db *db, struct store_job *job) {
    struct round *r = (struct round *)job;
    r->count = 0; /* it may run twice */
    int err = slots_expire(db, r->now_us, ROUND_FILES, is_claimed, r->media, &r->expired);
    if (!err) err = slots_dead(db, ROUND_FILES, name_take, r);
    return err ? err : slots_totals(db, &r->totals);
}

/* File thread. */
static int round_files(struct db *db, struct store_job *job) {
    (void)db;
    struct round *r = (struct round *)job;
    for (unsigned i = 0; i < r->count; i++)
        r->deleted[i] = blob_delete(r->media->blobs, str_of(r->names[i], SLOT_ID_LEN)) == 0;
    return 0;
}

/* Writer. */
static int round_buried(struct db *db, struct store_job *job) {
    struct round *r = (struct round *)job;
    int err = 0;
    for (unsigned i = 0; i < r->count && !err; i++) {
        if (r->deleted[i]) err = slots_buried(db, str_of(r->names[i], SLOT_ID_LEN));
    }
    return err;
}

static void round_submit(struct turn *turn, struct round *r, enum store_kind kind,
                         int (*run)(struct db *db, struct store_job *job),
                         void (*done)(struct turn *turn, struct store_job *job)) {
    r->job.kind = kind;
    r->job.run = run;
    r->job.done = done;
    store_submit(r->media->server->store, turn, &r->job);
}

static void round_end(struct turn *turn, struct store_job *job) {
    struct round *r = (struct round *)job;
    struct media *media = r->media;
    bool more = !job->result && (r->count == ROUND_FILES || r->expired == ROUND_FILES);
    if (job->result) LOG(LOG_ERROR, "files-not-tidied", F_ERR("error", job->result));
    free(r);
    media->at_work = false;
    if (more) loop_timer_set(turn->shard->loop, &media->timer, turn->now_ms + 10);
}

static void round_files_done(struct turn *turn, struct store_job *job) {
    round_submit(turn, (struct round *)job, STORE_WRITE, round_buried, round_end);
}

static void round_rows_done(struct turn *turn, struct store_job *job) {
    struct round *r = (struct round *)job;
    if (!job->result) {
        atomic_store(&r->media->files, (uint64_t)r->totals.files);
        atomic_store(&r->media->file_bytes, (uint64_t)r->totals.bytes);
        atomic_store(&r->media->file_slots, (uint64_t)r->totals.slots);
    }
    if (!job->result && r->count)
        round_submit(turn, r, STORE_FILE, round_files, round_files_done);
    else
        round_end(turn, job);
}

static void on_time(struct loop_timer *timer, int64_t now_ms) {
    struct media *media = CONTAINER_OF(timer, struct media, timer);
    struct turn *turn = shard_turn(media->server->hub->places[0]);
    int64_t every_ms = media->server->options.slot_ms / 8;
    if (every_ms > ROUND_MS) every_ms = ROUND_MS;
    if (every_ms < ROUND_LEAST_MS) every_ms = ROUND_LEAST_MS;
    loop_timer_set(turn->shard->loop, timer, now_ms + every_ms);
    atomic_store(&media->hurried, false);
    if (media->at_work || im_of(turn)->stopping) return;
    struct round *r = msg_new(MSG_STORE_DONE, sizeof *r, 0);
    r->media = media;
    r->now_us = turn->wall_us;
    media->at_work = true;
    round_submit(turn, r, STORE_WRITE, round_rows, round_rows_done);
}

static void on_hurry(struct turn *turn, struct msg_call *call) {
    free(call);
    struct media *media = ((struct server *)turn->shard->hub->server)->media;
    loop_timer_set(turn->shard->loop, &media->timer, turn->now_ms + HURRY_MS);
}

void media_hurry(struct turn *turn, struct media *media) {
    if (!media || atomic_exchange(&media->hurried, true)) return;
    struct msg_call *call = msg_new(MSG_CALL, sizeof *call, 0);
    call->run = on_hurry;
    shard_post(turn->shard->hub->places[0], &call->msg);
}

void media_removed(struct turn *turn, struct media *media) {
    if (!media) return;
    atomic_fetch_add(&media->removals, 1);
    media_hurry(turn, media);
}

/* --- life --- */

static bool is_owned(void *arg, struct str name) {
    return slots_owns_open(arg, name);
}

int media_new(struct server *server, struct media **out) {
    struct media *media = calloc(1, sizeof *media);
    CHECK(media != NULL);
    media->server = server;
    struct arena *arena = arena_new();
    unsigned deleted = 0;
    int err = blobs_open(arena_printf(arena, "%.*s/files", STR_FMT(server->options.data_dir)),
                         (uint64_t)server->options.disk_reserve, &media->blobs);
    if (!err) err = blobs_sweep(media->blobs, is_owned, store_db(server->store), &deleted);
    if (err) LOG(LOG_ERROR, "files-not-opened", F_ERR("error", err));
    if (deleted) LOG(LOG_INFO, "files-swept", F_INT("deleted", deleted));
    arena_free(&arena);
    if (err) {
        media_free(&media);
        return err;
    }
    media->timer.fire = on_time;
    struct loop *loop = server->hub->places[0]->loop;
    loop_timer_set(loop, &media->timer, loop_now_ms(loop) + ROUND_LEAST_MS);
    *out = media;
    return 0;
}

/* After the threads have ended: the timer went with its loop. */
void media_free(struct media **media) {
    if (!*media) return;
    blobs_close(&(*media)->blobs);
    for (unsigned i = 0; i < PLACES_MAX; i++) free((*media)->memories[i]);
    free(*media);
    *media = NULL;
}

/* --- addresses --- */

struct str media_percent_encode(struct arena *arena, struct str text) {
    static const char hex[] = "0123456789ABCDEF";
    char *out = arena_alloc(arena, 3 * text.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = (uint8_t)text.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (plain || c == '-' || c == '.' || c == '_' || c == '~') {
            out[len++] = (char)c;
        } else {
            out[len++] = '%';
            out[len++] = hex[c >> 4];
            out[len++] = hex[c & 15];
        }
    }
    return str_of(out, len);
}

/* ":PORT" of "address:port", empty where it goes without saying. */
static struct str port_part(struct str address, struct str usual) {
    size_t at = address.len;
    while (at > 0 && address.p[at - 1] != ':') at--;
    struct str port = str_from(address, at);
    return at == 0 || str_eq(port, usual) ? STR("") : str_from(address, at - 1);
}

bool media_is_served(const struct options *o) {
    return str_some(o->http) || str_some(o->https);
}

static struct str base_url(const struct server *server, struct arena *arena, struct str chosen) {
    const struct options *o = &server->options;
    while (str_ends(chosen, STR("/"))) chosen.len--;
    if (str_some(chosen)) return chosen;
    if (str_some(o->https)) return ARENA_CONCAT(arena, STR("https://"), o->domain, port_part(o->https, STR("443")));
    if (str_some(o->proxies)) return ARENA_CONCAT(arena, STR("https://"), o->domain); /* they do the TLS */
    return ARENA_CONCAT(arena, STR("http://"), o->domain, port_part(o->http, STR("80")));
}

struct str media_base_url(const struct server *server, struct arena *arena) {
    return base_url(server, arena, server->options.upload_url);
}

struct str media_put_url(const struct server *server, struct arena *arena, struct str secret, struct str name) {
    return ARENA_CONCAT(arena, base_url(server, arena, server->options.upload_url), STR("/upload/"), secret, STR("/"),
                        media_percent_encode(arena, name));
}

struct str media_get_url(const struct server *server, struct arena *arena, struct str get_id, struct str name) {
    struct str base = media_is_signed(&server->options) ? STR_NONE : server->options.public_url;
    return ARENA_CONCAT(arena, base_url(server, arena, base), STR("/files/"), get_id, STR("/"),
                        media_percent_encode(arena, name));
}
