/*
 * fuzz_web.c: any bytes on an HTTP connection of a real shard, with an upload that is open, one that is half done and a file that is there. One thread, a
 * database in memory, a clock that moves when the input says so: the same input is the same run. A byte 0xFF ends a packet, 0xFE lets time pass.
 *
 * Beyond memory errors: no answer says that we failed; 201 is said only of what is stored; the file of somebody else stays as it is; an upload never
 * holds more than its slot; when the connection is gone nothing of it is left at work.
 */
#include "fuzz.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "front/web.h"
#include "im/im.h"
#include "im/media.h"
#include "net/conn.h"

#define FILE_ID "GGGGGGGGGGGGGGGGGGGGGG"  /* GET of what is there */
#define FILE_KEY "KKKKKKKKKKKKKKKKKKKKKK" /* its PUT address: the inputs do not know it */
#define OPEN_ID "OOOOOOOOOOOOOOOOOOOOOO"  /* nothing has come */
#define OPEN_KEY "PPPPPPPPPPPPPPPPPPPPPP" /* PUT */
#define HALF_ID "HHHHHHHHHHHHHHHHHHHHHH"  /* 10 of 20 bytes are held */
#define HALF_KEY "QQQQQQQQQQQQQQQQQQQQQQ"
#define CONTENT "abcdefghijklmnopqrstuvwxyz"
#define WALL_US INT64_C(1700000000000000)
enum { OPEN_SIZE = 10, HALF_SIZE = 20, HALF_HELD = 10 };

static struct hub hub;
static struct server server;
static struct front front;
static struct im im;
static struct shard *shard;
static msg_handler handlers[MSG_TYPES];
static const struct conn_limits limits = {
    .unread_max = 131072, .out_high = 65536, .out_max = 8 << 20, .turn_max = 65536};
static int64_t now_ms = 1000000;
/* --- the stage --- */

static char dir[64];

static void stage_close(void) {
    char command[96];
    snprintf(command, sizeof command, "rm -rf %s", dir);
    (void)!system(command);
}

static void stage_open(void) {
    strcpy(dir, access("/dev/shm", W_OK) == 0 ? "/dev/shm/confab-fuzz-XXXXXX" : "/tmp/confab-fuzz-XXXXXX");
    MUST(mkdtemp(dir) && atexit(stage_close) == 0);
    static struct arena *arena; /* of the options */
    arena = arena_new();
    struct str why;
    MUST(conf_load(option_tables, NULL, arena, &server.options, &why) == 0);
    server.options.domain = STR("fuzz.example");
    server.options.data_dir = str_c(dir);
    server.options.http = STR("127.0.0.1:80");
    server.options.disk_reserve = 0;
    server.hub = &hub;
    server.front = &front;
    hub.server = &server;
    MUST(web_files_load("", &front.files) == 0);
    struct store_options options = {.db = {.path = ":memory:"}, .manual = true};
    MUST(store_open(&options, &server.store) == 0);
    memcpy(handlers, im_handlers, sizeof handlers);
    handlers[MSG_HTTP] = web_on_http;
    shard = shard_new(&hub, false, handlers);
    shard->im = &im;
    loop_simulate(shard->loop, now_ms, WALL_US);
    MUST(media_new(&server, &server.media) == 0);
}

static void slot_make(const char *id, const char *key, int64_t size) {
    struct slot_row row = {
        .account = 1, .size = size, .created_us = WALL_US, .expires_us = INT64_MAX, .name_len = 1, .name = "a"};
    strcpy(row.get_id, id);
    strcpy(row.type, "text/plain");
    row.type_len = 10;
    uint8_t hash[SLOT_HASH_LEN];
    slot_secret_hash(str_c(key), hash);
    int64_t retry;
    MUST(slots_create(store_db(server.store), &row, hash, &(struct slot_limits){INT64_MAX, 0}, &retry) == 0);
}

static void bytes_put(const char *id, struct str bytes, uint8_t *out_hash) {
    struct blob_writer *w;
    MUST(blob_claim(server.media->blobs, str_c(id), &w) == 0);
    MUST(blob_append(w, bytes) == 0);
    if (out_hash) MUST(blob_seal(w, out_hash) == 0);
    blob_release(&w);
}

static bool slot_look(const char *key, struct slot_row *out) {
    uint8_t hash[SLOT_HASH_LEN];
    slot_secret_hash(str_c(key), hash);
    return slots_find_by_secret(store_db(server.store), hash, WALL_US, out) == 0;
}

static void slots_make(void) {
    static const char *const ids[] = {FILE_ID, OPEN_ID, HALF_ID};
    struct db *db = store_db(server.store);
    bool more;
    MUST(slots_drop_account(db, 1, 256, &more) == 0);
    for (size_t i = 0; i < 3; i++) {
        MUST(blob_delete(server.media->blobs, str_c(ids[i])) == 0);
        MUST(slots_buried(db, str_c(ids[i])) == 0);
    }
    slot_make(FILE_ID, FILE_KEY, sizeof CONTENT - 1);
    slot_make(OPEN_ID, OPEN_KEY, OPEN_SIZE);
    slot_make(HALF_ID, HALF_KEY, HALF_SIZE);
    uint8_t hash[32];
    struct slot_row row;
    bytes_put(FILE_ID, STR(CONTENT), hash);
    MUST(slot_look(FILE_KEY, &row));
    MUST(slots_complete(db, row.id, hash, WALL_US, 0) == 0);
    bytes_put(HALF_ID, str_first(STR(CONTENT), HALF_HELD), NULL);
    media_removed(turn_begin(shard), server.media); /* nothing that a run before has seen is remembered */
    turn_end(shard);
}

/* Until nothing moves. What comes back is added to `got`. */
static void run(int fd, struct buf *got) {
    for (unsigned idle = 0; idle < 2;) {
        turn_begin(shard);
        bool did = shard_drain(shard);
        loop_turn(shard->loop, true);
        turn_end(shard);
        did |= store_manual_step(server.store, 0);
        ssize_t n = fd >= 0 ? recv(fd, buf_reserve(got, 65536), 65536, 0) : -1;
        if (n > 0) buf_commit(got, (size_t)n);
        idle = did || n > 0 ? 0 : idle + 1;
    }
}

static void pass(int64_t ms) {
    now_ms += ms;
    loop_simulate(shard->loop, now_ms, WALL_US);
}

/* --- what must hold --- */

static bool has(struct str s, const char *what) {
    return memmem(s.p, s.len, what, strlen(what)) != NULL;
}

static void answers_check(struct str got) {
    if (got.len) MUST(str_starts(got, STR("HTTP/1.1 ")) || got.len < 9);
    MUST(!has(got, "HTTP/1.1 500 ") && !has(got, "HTTP/1.1 507 "));
    MUST(!has(got, FILE_KEY) && !has(got, OPEN_KEY) &&
         !has(got, HALF_KEY)); /* no secret comes back, not even to who has it */
}

static void upload_check(const char *id, const char *key, uint64_t size) {
    char path[256];
    struct stat st;
    struct slot_row row;
    int handle = -1;
    snprintf(path, sizeof path, "%.*s/files/open/%s", STR_FMT(server.options.data_dir), id);
    if (stat(path, &st) == 0) MUST((uint64_t)st.st_size <= size);
    MUST(!blob_is_claimed(server.media->blobs, str_c(id)));
    if (!slot_look(key, &row) || row.state != SLOT_DONE) return;
    char bytes[HALF_SIZE + 1];
    MUST(blob_read_open(server.media->blobs, str_c(row.file), &handle) == 0);
    MUST(blob_read(handle, 0, bytes, size) == 0 && blob_read(handle, 0, bytes, size + 1) == ERR_IO);
    blob_read_close(&handle);
}

static void stored_check(struct str got) {
    struct slot_row row;
    char bytes[sizeof CONTENT];
    int handle = -1;
    MUST(slot_look(FILE_KEY, &row) && row.state == SLOT_DONE);
    MUST(blob_read_open(server.media->blobs, STR(FILE_ID), &handle) == 0);
    MUST(blob_read(handle, 0, bytes, sizeof CONTENT - 1) == 0 && memcmp(bytes, CONTENT, sizeof CONTENT - 1) == 0);
    blob_read_close(&handle);
    upload_check(OPEN_ID, OPEN_KEY, OPEN_SIZE);
    upload_check(HALF_ID, HALF_KEY, HALF_SIZE);
    bool stored =
        (slot_look(OPEN_KEY, &row) && row.state == SLOT_DONE) || (slot_look(HALF_KEY, &row) && row.state == SLOT_DONE);
    bool deleted = !slot_look(OPEN_KEY, &row) || !slot_look(HALF_KEY, &row);
    if (has(got, "HTTP/1.1 201 ")) MUST(stored || deleted);
    uint64_t jobs, bytes_waiting;
    store_load(server.store, &jobs, &bytes_waiting);
    MUST(jobs == 0 && atomic_load(&server.media->uploads) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!shard) stage_open();
    slots_make();
    run(-1, NULL);
    int pair[2];
    MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
    struct net_address peer = {.ip = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1}};
    struct msg_http *m = msg_new(MSG_HTTP, sizeof *m, 0);
    m->conn = conn_new(pair[0], &peer, &limits);
    shard_post(shard, &m->msg);
    static struct buf got;
    buf_clear(&got);
    for (size_t at = 0, end; at < size; at = end + 1) {
        for (end = at; end < size && data[end] < 0xFE; end++) {}
        ssize_t sent = end > at ? send(pair[1], data + at, end - at, MSG_NOSIGNAL) : 0;
        (void)sent; /* it may be closed already */
        run(pair[1], &got);
        if (end < size && data[end] == 0xFE) pass(1100), run(pair[1], &got);
    }
    answers_check(buf_str(&got));
    close(pair[1]);
    run(-1, NULL);
    pass(120000); /* whatever waits for time */
    run(-1, NULL);
    stored_check(buf_str(&got));
    return 0;
}
