/*
 * media_upload.c: one request to a PUT address. The slot is looked up, the file claimed, bytes are written as they come, and when the slot's size is
 * reached the file is sealed (synced, under its name), the row committed, and only then 201 said.
 *
 *   look (reader) -> touch (writer, seldom) -> claim (file thread, again until the hash has caught up) -> append ... -> seal -> complete (writer) -> release
 *
 * An upload has one job at a time at a worker, and two pieces at most: one that is being written, one that is being filled; when that is full the
 * connection is not read. What must hold: bytes that came before a break are written; whoever has the connection's end frees the upload, after
 * its job is back.
 */
#include <stdlib.h>
#include <strings.h>

#include "base/check.h"
#include "base/err.h"
#include "base/log.h"
#include "front/media.h"

enum {
    PIECE_BYTES = 64 * 1024,      /* written at once when so much has come */
    FILL_BYTES = 2 * PIECE_BYTES, /* above it the connection is not read */
    FLUSH_MS = 1000,              /* less is written after so long */
};

struct upload {
    struct store_job job;
    struct server *server;
    struct media *media;
    struct shard *place;
    struct web_conn *w;                                         /* NULL: gone, or answered */
    void (*then)(struct turn *turn, struct upload *u, int err); /* when the job is back */
    struct loop_timer flush;
    enum http_method method;
    bool busy;      /* the job is at a worker */
    bool receiving; /* the claim stands and the hash has caught up */
    bool failed;    /* nothing more is to be written */
    bool for_good;  /* and what was written belongs to nobody */
    bool counted;   /* among the uploads under way */
    bool has_length, has_offset, is_partial;
    uint64_t length, asked; /* Content-Length, Upload-Offset */
    int64_t now_us;
    uint8_t secret[SLOT_HASH_LEN], hash[SLOT_HASH_LEN];
    struct slot_row row;
    struct blob_writer *writer;
    uint64_t offset; /* held */
    struct buf fill, piece;
    uint16_t type_len;
    char type[SLOT_TYPE_MAX + 1]; /* Content-Type, as far as the parameters */
};

static void upload_next(struct turn *turn, struct upload *u);

static void on_job_done(struct turn *turn, struct store_job *job) {
    struct upload *u = (struct upload *)job;
    u->busy = false;
    u->then(turn, u, job->result);
}

static void upload_submit(struct turn *turn, struct upload *u, enum store_kind kind,
                          int (*run)(struct db *db, struct store_job *job),
                          void (*then)(struct turn *turn, struct upload *u, int err)) {
    CHECK(!u->busy);
    u->busy = true;
    u->job.kind = kind;
    u->job.run = run;
    u->job.done = on_job_done;
    u->then = then;
    store_submit(u->server->store, turn, &u->job);
}

/* --- answers --- */

/* The end of the exchange; what is left to do is done without it. */
static void upload_answer(struct turn *turn, struct upload *u, int status, bool shows_offset, struct str text) {
    struct web_conn *w = u->w;
    u->w = NULL;
    bool complete = u->row.state == SLOT_DONE;
    struct str more = STR_NONE;
    if (shows_offset)
        more = arena_printf(turn->arena, "Upload-Offset: %llu\r\nUpload-Length: %llu\r\nUpload-Complete: ?%d\r\n",
                            (unsigned long long)(complete ? (uint64_t)u->row.size : u->offset),
                            (unsigned long long)u->row.size, complete);
    if (w) media_answer(w, turn, status, more, text);
}

static const struct {
    int err, status;
    struct str text;
} failures[] = {
    {ERR_NOT_FOUND, 404, STR_INIT("There is nothing at this address.")},
    {ERR_EXISTS, 409, STR_INIT("This upload is complete already.")},
    {ERR_CLOSED, 409, STR_INIT("Another request goes on with this upload.")},
    {ERR_FULL, 507, STR_INIT("There is no room for it now.")},
};

static void upload_fail(struct turn *turn, struct upload *u, int err) {
    u->failed = true;
    int status = 500;
    struct str text = STR("It could not be stored.");
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
        if (failures[i].err != err) continue;
        status = failures[i].status;
        text = failures[i].text;
    }
    if (status >= 500) LOG(LOG_ERROR, "upload-failed", F_INT("slot", u->row.id), F_ERR("error", err));
    upload_answer(turn, u, status, false, text);
    upload_next(turn, u);
}

static void upload_refuse(struct turn *turn, struct upload *u, int status, bool shows_offset, struct str text) {
    u->failed = true;
    upload_answer(turn, u, status, shows_offset, text);
    upload_next(turn, u);
}

/* --- its end --- */

static int release_run(struct db *db, struct store_job *job) {
    (void)db;
    blob_release(&((struct upload *)job)->writer);
    return 0;
}

static void on_released(struct turn *turn, struct upload *u, int err) {
    (void)err;
    upload_next(turn, u);
}

static void upload_free(struct turn *turn, struct upload *u) {
    loop_timer_cancel(turn->shard->loop, &u->flush);
    if (u->counted) atomic_fetch_sub_explicit(&u->media->uploads, 1, memory_order_relaxed);
    buf_free(&u->fill);
    buf_free(&u->piece);
    free(u);
}

/* --- the file is whole --- */

static int seal_run(struct db *db, struct store_job *job) {
    (void)db;
    struct upload *u = (struct upload *)job;
    return blob_seal(u->writer, u->hash);
}

/* When the file will go; 0: never. */
static int64_t file_expires_us(const struct upload *u) {
    int64_t age_ms = u->server->options.file_age_ms;
    int64_t by_age = age_ms && u->row.purpose != SLOT_PROFILE ? u->now_us + age_ms * 1000 : 0, wish = u->row.gone_us;
    return by_age && wish ? (wish < by_age ? wish : by_age) : by_age + wish;
}

/* Writer. */
static int complete_run(struct db *db, struct store_job *job) {
    struct upload *u = (struct upload *)job;
    return slots_complete(db, u->row.id, u->hash, u->now_us, file_expires_us(u));
}

/* The row did not become true: who may try again finds the bytes, nobody else does. */
static int undo_run(struct db *db, struct store_job *job) {
    (void)db;
    struct upload *u = (struct upload *)job;
    if (u->for_good)
        blob_discard(u->writer);
    else
        blob_unseal(u->writer);
    blob_release(&u->writer);
    return 0;
}

static void on_complete(struct turn *turn, struct upload *u, int err) {
    if (!err) {
        u->row.state = SLOT_DONE;
        media_hurry(turn, u->media); /* perhaps there was such a file already */
        atomic_fetch_add_explicit(&u->media->uploads_total, 1, memory_order_relaxed);
        upload_answer(turn, u, 201, true, STR_NONE);
        upload_next(turn, u);
        return;
    }
    u->for_good = err == ERR_EXISTS || err == ERR_NOT_FOUND;
    upload_submit(turn, u, STORE_FILE, undo_run, on_released);
    upload_fail(turn, u, err);
}

static void on_sealed(struct turn *turn, struct upload *u, int err) {
    u->now_us = turn->wall_us;
    if (err)
        upload_fail(turn, u, err);
    else
        upload_submit(turn, u, STORE_WRITE, complete_run, on_complete);
}

/* --- receiving --- */

static int append_run(struct db *db, struct store_job *job) {
    (void)db;
    struct upload *u = (struct upload *)job;
    int err = blob_append(u->writer, buf_str(&u->piece));
    u->offset = blob_offset(u->writer);
    return err;
}

static void on_appended(struct turn *turn, struct upload *u, int err) {
    buf_free(&u->piece);
    if (err)
        upload_fail(turn, u, err);
    else
        upload_next(turn, u);
}

static void append_submit(struct turn *turn, struct upload *u) {
    loop_timer_cancel(turn->shard->loop, &u->flush);
    u->piece = u->fill;
    u->fill = (struct buf)BUF_INIT;
    upload_submit(turn, u, STORE_FILE, append_run, on_appended);
}

static void on_flush(struct loop_timer *timer, int64_t now_ms) {
    (void)now_ms;
    struct upload *u = CONTAINER_OF(timer, struct upload, flush);
    if (!u->busy && buf_len(&u->fill)) append_submit(shard_turn(u->place), u);
}

static void flush_later(struct turn *turn, struct upload *u) {
    if (!u->flush.due_ms) loop_timer_set(turn->shard->loop, &u->flush, turn->now_ms + FLUSH_MS);
}

static void on_body(struct turn *turn, void *route, struct str bytes) {
    struct upload *u = route;
    buf_add_str(&u->fill, bytes);
    atomic_fetch_add_explicit(&u->media->upload_bytes_total, bytes.len, memory_order_relaxed);
    if (buf_len(&u->fill) >= FILL_BYTES) route_stop(u->w);
    if (u->busy) return;
    if (buf_len(&u->fill) >= PIECE_BYTES || route_body_left(u->w) == 0)
        append_submit(turn, u);
    else
        flush_later(turn, u);
}

/* What is to be done next, when nothing is at a worker. */
static void upload_next(struct turn *turn, struct upload *u) {
    if (u->busy) return;
    uint64_t left = u->w ? route_body_left(u->w) : 0;
    size_t filled = buf_len(&u->fill);
    bool good = u->receiving && !u->failed && u->row.state == SLOT_OPEN;
    bool may_end = u->w || !im_of(turn)->stopping; /* who stops has time for what has come, and no more */
    if (good && filled && (!u->w || left == 0 || filled >= PIECE_BYTES)) {
        append_submit(turn, u);
        if (u->w) route_go(u->w);
    } else if (good && u->w && left > 0) {
        if (filled) flush_later(turn, u);
        route_go(u->w);
    } else if (good && may_end && u->offset == (uint64_t)u->row.size) {
        upload_submit(turn, u, STORE_FILE, seal_run, on_sealed);
    } else if (u->writer) {
        upload_submit(turn, u, STORE_FILE, release_run, on_released);
    } else if (u->w) {
        upload_answer(turn, u, 204, true, STR_NONE); /* the part is held, more is to come */
        upload_next(turn, u);
    } else {
        upload_free(turn, u);
    }
}

/* --- the claim --- */

static int claim_run(struct db *db, struct store_job *job) {
    (void)db;
    struct upload *u = (struct upload *)job;
    int err = u->writer ? 0 : blob_claim(u->media->blobs, str_of(u->row.get_id, SLOT_ID_LEN), &u->writer);
    if (err) return err;
    if (u->method == HTTP_PUT && (err = blob_restart(u->writer))) return err;
    u->offset = blob_offset(u->writer);
    bool fits = u->method == HTTP_PUT || (u->asked == u->offset && u->length <= (uint64_t)u->row.size - u->offset);
    if (u->method == HTTP_HEAD || !fits) return 0;
    err = blob_room(u->writer, (uint64_t)u->row.size - u->offset);
    return err ? err : blob_catch_up(u->writer);
}

static void on_claimed(struct turn *turn, struct upload *u, int err) {
    if (!u->w) {
        upload_next(turn, u);
    } else if (err < 0) {
        upload_fail(turn, u, err);
    } else if (err > 0) {
        upload_submit(turn, u, STORE_FILE, claim_run, on_claimed); /* the hash has not caught up */
    } else if (u->method == HTTP_HEAD) {
        upload_refuse(turn, u, 200, true, STR_NONE);
    } else if (u->method == HTTP_PATCH && u->asked != u->offset) {
        upload_refuse(turn, u, 409, true, STR("The upload goes on at another offset."));
    } else if (u->method == HTTP_PATCH && u->length > (uint64_t)u->row.size - u->offset) {
        upload_refuse(turn, u, 413, true, STR("That is more than the slot's size."));
    } else {
        u->receiving = u->counted = true;
        atomic_fetch_add_explicit(&u->media->uploads, 1, memory_order_relaxed);
        upload_next(turn, u);
    }
}

static int touch_run(struct db *db, struct store_job *job) {
    struct upload *u = (struct upload *)job;
    return slots_touch(db, u->row.id, u->row.expires_us);
}

static void on_touched(struct turn *turn, struct upload *u, int err) {
    if (err)
        upload_fail(turn, u, err);
    else if (u->w)
        upload_submit(turn, u, STORE_FILE, claim_run, on_claimed);
    else
        upload_next(turn, u);
}

/* An upload that goes on lives on; as long as it is claimed it does not expire anyway. */
static void upload_claim(struct turn *turn, struct upload *u) {
    int64_t slot_us = u->server->options.slot_ms * 1000;
    if (u->method == HTTP_HEAD || u->row.expires_us - turn->wall_us > slot_us / 2) {
        upload_submit(turn, u, STORE_FILE, claim_run, on_claimed);
        return;
    }
    u->row.expires_us = turn->wall_us + slot_us;
    upload_submit(turn, u, STORE_WRITE, touch_run, on_touched);
}

/* --- the slot --- */

static int remove_run(struct db *db, struct store_job *job) {
    return slots_remove(db, ((struct upload *)job)->row.id);
}

static void on_removed(struct turn *turn, struct upload *u, int err) {
    if (!err) media_removed(turn, u->media);
    if (err)
        upload_fail(turn, u, err);
    else
        upload_refuse(turn, u, 204, false, STR_NONE);
}

static bool type_fits(const struct upload *u) {
    return u->type_len == 0 || u->row.type_len == 0 ||
           (u->type_len == u->row.type_len && strncasecmp(u->type, u->row.type, u->type_len) == 0);
}

/* What is wrong with a PUT or PATCH of this slot; 0: nothing. */
static int upload_check(const struct upload *u, struct str *out_text) {
    uint64_t size = (uint64_t)u->row.size;
    const struct {
        bool wrong;
        int status;
        const char *text;
    } checks[] = {
        {!u->has_length, 411, "Say how long it is (Content-Length)."},
        {u->method == HTTP_PUT && u->length > size, 413, "That is more than the slot's size."},
        {u->method == HTTP_PUT && u->length < size, 400, "The length is not the slot's size."},
        {u->method == HTTP_PUT && u->is_partial, 400, "A part is sent by PATCH."},
        {u->method == HTTP_PUT && !type_fits(u), 415, "The type is not the slot's."},
        {u->method == HTTP_PATCH && strcmp(u->type, "application/partial-upload") != 0, 415,
         "A part has the type application/partial-upload."},
        {u->method == HTTP_PATCH && !u->has_offset, 400, "Where does it belong (Upload-Offset)?"},
        {u->row.state == SLOT_DONE, 409, "This upload is complete already."},
    };
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        if (!checks[i].wrong) continue;
        *out_text = str_c(checks[i].text);
        return checks[i].status;
    }
    return 0;
}

/* Reader. */
static int look_run(struct db *db, struct store_job *job) {
    struct upload *u = (struct upload *)job;
    return slots_find_by_secret(db, u->secret, u->now_us, &u->row);
}

static void on_looked(struct turn *turn, struct upload *u, int err) {
    struct str text = STR_NONE;
    int status = 0;
    if (!u->w) {
        upload_next(turn, u);
    } else if (err) {
        upload_fail(turn, u, err);
    } else if (u->method == HTTP_DELETE) {
        upload_submit(turn, u, STORE_WRITE, remove_run, on_removed);
    } else if (u->method == HTTP_HEAD && u->row.state == SLOT_DONE) {
        upload_refuse(turn, u, 200, true, STR_NONE);
    } else if (u->method != HTTP_HEAD && (status = upload_check(u, &text))) {
        upload_refuse(turn, u, status, true, text);
    } else {
        upload_claim(turn, u);
    }
}

/* --- the connection --- */

static void on_gone(struct turn *turn, void *route) {
    struct upload *u = route;
    u->w = NULL;
    upload_next(turn, u);
}

static void on_drained(struct turn *turn, void *route) {
    (void)turn;
    (void)route;
}

static const struct route_ops upload_ops = {on_body, on_drained, on_gone};

static bool header_number(const struct http_request *r, struct str name, uint64_t *out) {
    unsigned long long number;
    if (!str_to_u64(http_header(r, name), INT64_MAX, &number)) return false;
    *out = number;
    return true;
}

void media_upload(struct exchange *x, struct str secret) {
    const struct http_request *r = x->request;
    struct upload *u = msg_new(MSG_STORE_DONE, sizeof *u, 0);
    u->server = x->server;
    u->media = x->server->media;
    u->place = x->turn->shard;
    u->flush.fire = on_flush;
    u->method = r->method;
    u->has_length = r->has_length;
    u->length = r->content_length;
    u->has_offset = header_number(r, STR("upload-offset"), &u->asked);
    u->is_partial = http_header(r, STR("content-range")).p != NULL;
    u->now_us = x->turn->wall_us;
    struct str type = http_header(r, STR("content-type"));
    type = str_first(type, str_index(type, ';'));
    while (str_ends(type, STR(" "))) type.len--;
    u->type_len = (uint16_t)(type.len < SLOT_TYPE_MAX ? type.len : SLOT_TYPE_MAX);
    if (u->type_len) memcpy(u->type, type.p, u->type_len);
    slot_secret_hash(secret, u->secret);
    u->w = route_hold(x, &upload_ops, u);
    upload_submit(x->turn, u, STORE_READ, look_run, on_looked);
}
