/*
 * media_files.c: GET and HEAD of a file. One job of a reader finds the slot and reads the first piece, so that a small file costs one; a large one is
 * read by the file threads, a piece each time what was written has left: a slow reader holds one piece. Nothing in an answer depends on who asks.
 *
 * What comes from strangers is shown to others: the type is one of a list that browsers do not run, all else is a download.
 */
#include <stdlib.h>

#include "base/check.h"
#include "base/err.h"
#include "base/log.h"
#include "base/map.h"
#include "front/media.h"
#include "front/web_files.h"

enum {
    FIRST_BYTES = 64 * 1024,
    NOW_BYTES = 64 * 1024,
    PIECE_BYTES = 128 * 1024,
    RANGE_LEN_MAX = 63,
    MEMORY_ROWS = 128
};

struct download {
    struct store_job job;
    struct server *server;
    struct media *media;
    struct web_conn *w; /* NULL: gone */
    bool busy, head_only, known;
    int64_t now_us;
    int64_t until_us; /* when its address ends; 0: never */
    char id[SLOT_ID_LEN + 1], etag[SLOT_ID_LEN + 1], range[RANGE_LEN_MAX + 1];
    struct slot_row row;
    uint64_t removals;  /* before the row was looked up */
    int range_err;      /* of http_range_parse */
    uint64_t from, end; /* what is asked for: [from, end) */
    int handle;
    uint32_t len; /* of the piece */
    char *piece;
};

static void download_free(struct download *d) {
    blob_read_close(&d->handle);
    free(d->piece);
    free(d);
}

/* --- types --- */

static const struct file_kind {
    struct str type; /* ended by '/': all of them */
    bool is_text, is_pdf;
} kinds[] = {
    {STR_INIT("image/png"), false, false},  {STR_INIT("image/jpeg"), false, false},
    {STR_INIT("image/gif"), false, false},  {STR_INIT("image/webp"), false, false},
    {STR_INIT("image/avif"), false, false}, {STR_INIT("image/heic"), false, false},
    {STR_INIT("image/heif"), false, false}, {STR_INIT("image/bmp"), false, false},
    {STR_INIT("image/apng"), false, false}, {STR_INIT("image/jxl"), false, false},
    {STR_INIT("audio/"), false, false},     {STR_INIT("video/"), false, false},
    {STR_INIT("text/plain"), true, false},  {STR_INIT("application/pdf"), false, true},
};

/* NULL: a download, whatever it says it is. */
static const struct file_kind *kind_of(struct str type) {
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        bool all = str_ends(kinds[i].type, STR("/"));
        if (all ? str_starts(type, kinds[i].type) : str_eq(type, kinds[i].type)) return &kinds[i];
    }
    return NULL;
}

/* RFC 6266: a plain name for old readers, the true one by RFC 8187. */
static struct str disposition(struct arena *arena, const struct slot_row *row, bool is_inline) {
    char *plain = arena_alloc(arena, row->name_len);
    for (size_t i = 0; i < row->name_len; i++) {
        uint8_t c = (uint8_t)row->name[i];
        plain[i] = c < ' ' || c >= 127 || c == '"' || c == '\\' || c == '%' ? '_' : (char)c;
    }
    return ARENA_CONCAT(arena, is_inline ? STR("inline") : STR("attachment"), STR("; filename=\""),
                        str_of(plain, row->name_len), STR("\"; filename*=UTF-8''"),
                        media_percent_encode(arena, str_of(row->name, row->name_len)));
}

/* A PDF reader is a program of the browser that a sandbox would keep out; pictures and films are shown in a page that the browser makes. */
#define FILE_POLICY "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'"

static void head_describe(struct turn *turn, const struct download *d, struct buf *head) {
    const struct file_kind *kind = kind_of(str_of(d->row.type, d->row.type_len));
    struct str type = !kind           ? STR("application/octet-stream")
                      : kind->is_text ? STR("text/plain; charset=utf-8")
                                      : str_of(d->row.type, d->row.type_len);
    http_header_add(head, STR("Content-Type"), type);
    http_header_add(head, STR("Content-Disposition"), disposition(turn->arena, &d->row, kind != NULL));
    http_header_add(head, STR("Content-Security-Policy"),
                    kind && kind->is_pdf ? STR(FILE_POLICY "; object-src 'self'") : STR(FILE_POLICY "; sandbox"));
    BUF_ADD_LIT(head, "Accept-Ranges: bytes\r\n");
}

/* --- the answer --- */

static void head_write(struct turn *turn, struct download *d) {
    struct buf head = BUF_INIT;
    uint64_t length = d->end - d->from;
    bool partial = d->range_err == 0 && !d->known;
    route_head(d->w, turn, d->known ? 304 : partial ? 206 : 200, d->known ? UINT64_MAX : length, &head);
    media_headers(&head);
    buf_printf(&head, "ETag: \"%s\"\r\n", d->etag);
    int64_t end_us = d->row.expires_us;
    if (d->until_us && (!end_us || d->until_us < end_us)) end_us = d->until_us;
    if (end_us) { /* nobody may keep it for longer than we do */
        buf_printf(&head, "Cache-Control: public, max-age=%lld, immutable\r\n",
                   (long long)((end_us - d->now_us) / 1000000));
    } else {
        BUF_ADD_LIT(&head, "Cache-Control: public, max-age=31536000, immutable\r\n");
    }
    if (!d->known) head_describe(turn, d, &head);
    if (partial)
        buf_printf(&head, "Content-Range: bytes %llu-%llu/%llu\r\n", (unsigned long long)d->from,
                   (unsigned long long)d->end - 1, (unsigned long long)d->row.size);
    BUF_ADD_LIT(&head, "\r\n");
    route_write(d->w, buf_str(&head));
    buf_free(&head);
}

static void sent_count(struct download *d, size_t len) {
    atomic_fetch_add_explicit(&d->media->download_bytes_total, len, memory_order_relaxed);
    d->from += len;
}

static void piece_write(struct download *d) {
    if (!d->len) return;
    route_write_now(d->w, str_of(d->piece, d->len));
    sent_count(d, d->len);
    d->len = 0;
    free(d->piece);
    d->piece = NULL;
}

static void download_end(struct download *d) {
    struct web_conn *w = d->w;
    d->w = NULL;
    route_end(w);
    download_free(d);
}

/* Goes on when what was written has left. */
static void download_go_on(struct download *d) {
    piece_write(d);
    if (d->head_only || d->known || d->from == d->end)
        download_end(d);
    else
        route_ask_drain(d->w);
}

/* --- further pieces: a file thread --- */

static int piece_read(struct download *d, uint32_t max) {
    uint64_t left = d->end - d->from;
    d->len = left < max ? (uint32_t)left : max;
    d->piece = malloc(d->len);
    CHECK(d->piece != NULL);
    int err = blob_read(d->handle, d->from, d->piece, d->len);
    if (err) d->len = 0;
    return err;
}

static int piece_run(struct db *db, struct store_job *job) {
    (void)db;
    return piece_read((struct download *)job, PIECE_BYTES);
}

static void piece_done(struct turn *turn, struct store_job *job) {
    (void)turn;
    struct download *d = (struct download *)job;
    d->busy = false;
    if (!d->w) {
        download_free(d);
    } else if (job->result) {
        LOG(LOG_ERROR, "file-unreadable", F_C("file", d->row.file), F_ERR("error", job->result));
        route_break(d->w);
        download_free(d);
    } else {
        download_go_on(d);
    }
}

/* What the system has in memory needs no other thread. */
static bool piece_send_now(struct download *d) {
    static _Thread_local char piece[NOW_BYTES];
    uint64_t left = d->end - d->from;
    size_t len;
    if (blob_read_now(d->handle, d->from, piece, left < NOW_BYTES ? (size_t)left : NOW_BYTES, &len)) return false;
    route_write_now(d->w, str_of(piece, len));
    sent_count(d, len);
    download_go_on(d);
    return true;
}

static void on_drained(struct turn *turn, void *route) {
    struct download *d = route;
    if (d->busy || piece_send_now(d)) return;
    d->busy = true;
    d->job.kind = STORE_FILE;
    d->job.run = piece_run;
    d->job.done = piece_done;
    store_submit(d->server->store, turn, &d->job);
}

/* --- what a shard remembers --- */

/*
 * Rows of files that were asked for lately, so that a picture that many look at, or a film that is fetched in ranges, is looked up once. All of it
 * is forgotten when any slot was removed; what expires is known from the row.
 */
struct file_memory {
    uint64_t removals; /* as it was when the rows were true */
    struct slot_row rows[MEMORY_ROWS];
};

static struct slot_row *memory_at(struct file_memory *memory, const char *id) {
    return &memory->rows[map_hash(str_of(id, SLOT_ID_LEN)) % MEMORY_ROWS];
}

static struct file_memory *memory_of(struct turn *turn, struct media *media) {
    struct file_memory **memory = &media->memories[turn->shard->index];
    if (!*memory) *memory = calloc(1, sizeof **memory);
    CHECK(*memory != NULL);
    uint64_t removals = atomic_load(&media->removals);
    if ((*memory)->removals == removals) return *memory;
    memset(*memory, 0, sizeof **memory);
    (*memory)->removals = removals;
    return *memory;
}

static bool memory_find(struct turn *turn, struct download *d) {
    const struct slot_row *row = memory_at(memory_of(turn, d->media), d->id);
    bool expired = row->expires_us && row->expires_us <= d->now_us;
    if (expired || memcmp(row->get_id, d->id, SLOT_ID_LEN) != 0) return false;
    d->row = *row;
    return true;
}

/* The row was read while nothing was removed? */
static void memory_keep(struct turn *turn, const struct download *d) {
    struct file_memory *memory = memory_of(turn, d->media);
    if (memory->removals == d->removals) *memory_at(memory, d->id) = d->row;
}

/* --- the answer's beginning --- */

/* From the row: what is asked for. False: no bytes are. */
static bool range_take(struct download *d) {
    d->end = (uint64_t)d->row.size;
    uint64_t to;
    d->range_err = d->range[0] ? http_range_parse(str_c(d->range), d->end, &d->from, &to) : ERR_NOT_FOUND;
    if (d->range_err == 0) d->end = to + 1;
    return !d->head_only && !d->known && d->range_err != ERR_INVALID && d->from < d->end;
}

/* Reader. */
static int look_run(struct db *db, struct store_job *job) {
    struct download *d = (struct download *)job;
    int err = slots_find_by_id(db, str_of(d->id, SLOT_ID_LEN), d->now_us, &d->row);
    if (err || !range_take(d)) return err;
    err = blob_read_open(d->media->blobs, str_c(d->row.file), &d->handle);
    if (!err) err = piece_read(d, FIRST_BYTES);
    return err ? ERR_IO : 0;
}

static void answer_begin(struct turn *turn, struct download *d) {
    if (d->range_err == ERR_INVALID && !d->known) {
        media_answer(d->w, turn, 416,
                     arena_printf(turn->arena, "Content-Range: bytes */%lld\r\n", (long long)d->row.size),
                     STR("The file is shorter."));
        download_free(d);
        return;
    }
    head_write(turn, d);
    if (d->handle < 0 || d->len || !piece_send_now(d)) download_go_on(d);
}

static void look_done(struct turn *turn, struct store_job *job) {
    struct download *d = (struct download *)job;
    d->busy = false;
    if (!d->w) {
        download_free(d);
    } else if (job->result) {
        bool none = job->result == ERR_NOT_FOUND;
        if (!none) LOG(LOG_ERROR, "file-unreadable", F_C("file", d->row.file), F_ERR("error", job->result));
        media_answer(d->w, turn, none ? 404 : 500, STR_NONE,
                     none ? STR("There is nothing at this address.") : STR("The file cannot be read now."));
        download_free(d);
    } else {
        memory_keep(turn, d);
        answer_begin(turn, d);
    }
}

static void on_body(struct turn *turn, void *route, struct str bytes) {
    (void)turn;
    (void)route;
    (void)bytes;
}

static void on_gone(struct turn *turn, void *route) {
    (void)turn;
    struct download *d = route;
    d->w = NULL;
    if (!d->busy) download_free(d);
}

static const struct route_ops download_ops = {on_body, on_drained, on_gone};

/* A range counts only for the very file that the client has begun with. */
static struct str range_asked(const struct http_request *r, struct str etag) {
    struct str range = STR_NONE, condition = http_header(r, STR("if-range"));
    unsigned count = 0;
    for (unsigned i = 0; i < r->header_count; i++) {
        if (!str_eq(r->headers[i].name, STR("range"))) continue;
        range = r->headers[i].value;
        count++;
    }
    bool counts =
        r->method == HTTP_GET && count == 1 && range.len <= RANGE_LEN_MAX && (!condition.p || str_eq(condition, etag));
    return counts ? range : STR("");
}

void media_download(struct exchange *x, struct str id, int64_t until_us) {
    const struct http_request *r = x->request;
    struct turn *turn = x->turn;
    struct download *d = msg_new(MSG_STORE_DONE, sizeof *d, 0);
    struct str tag = media_etag(x->server, turn->arena, id);
    struct str etag = ARENA_CONCAT(turn->arena, STR("\""), tag, STR("\""));
    struct str range = range_asked(r, etag);
    d->server = x->server;
    d->media = x->server->media;
    d->handle = -1;
    d->head_only = r->method == HTTP_HEAD;
    d->known = web_etag_matches(http_header(r, STR("if-none-match")), etag);
    d->now_us = x->turn->wall_us;
    d->until_us = until_us;
    memcpy(d->id, id.p, SLOT_ID_LEN);
    memcpy(d->etag, tag.p, SLOT_ID_LEN);
    if (range.len) memcpy(d->range, range.p, range.len);
    d->w = route_hold(x, &download_ops, d);
    if (memory_find(turn, d) &&
        (!range_take(d) || blob_read_open_now(d->media->blobs, str_c(d->row.file), &d->handle) == 0)) {
        answer_begin(turn, d);
        return;
    }
    d->from = 0;
    d->removals = atomic_load(&d->media->removals);
    d->busy = true;
    d->job.kind = STORE_READ;
    d->job.run = look_run;
    d->job.done = look_done;
    store_submit(d->server->store, turn, &d->job);
}
