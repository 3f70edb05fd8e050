/* web_test.c: HTTP over a socket pair on a shard that the test turns by hand: routes, files, pipelining, slow readers, upgrades. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "front/web.h"
#include "net/websocket.h"

#define BIG 700000

static struct hub hub;
static struct server server;
static struct front front;
static struct shard *shard, *gate;
static struct {
    unsigned upgrades;
    size_t unsent; /* what moved along with the last */
} seen;
static char dir[64];
static const struct conn_limits limits = {
    .unread_max = 131072, .out_high = 65536, .out_max = 8 << 20, .turn_max = 65536};

/* --- the stage --- */

static void file_make(const char *name, const char *text, size_t len) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, len, f), len);
    fclose(f);
}

static void on_upgrade(struct turn *turn, struct msg *msg) {
    (void)turn;
    struct msg_upgrade *m = (struct msg_upgrade *)msg;
    seen.unsent = conn_out_len(m->conn);
    seen.upgrades++;
    conn_free(&m->conn);
    free(m);
}

static const msg_handler shard_handlers[MSG_TYPES] = {[MSG_HTTP] = web_on_http};
static const msg_handler gate_handlers_[MSG_TYPES] = {[MSG_UPGRADE] = on_upgrade};

static int stage_open(void **state) {
    (void)state;
    strcpy(dir, "/tmp/confab-web-XXXXXX");
    assert_non_null(mkdtemp(dir));
    char sub[128], *big = malloc(BIG);
    snprintf(sub, sizeof sub, "%s/assets", dir);
    mkdir(sub, 0700);
    memset(big, 'b', BIG);
    file_make("index.html", "<p>hello</p>", 12);
    file_make("index.html.br", "BR", 2);
    file_make("index.html.gz", "GZ", 2);
    file_make("orphan.txt.br", "?", 1);
    file_make(".secret", "s", 1);
    file_make("manifest.webmanifest", "{}", 2);
    file_make("assets/big-1a2b.js", big, BIG);
    free(big);
    server.options.domain = STR("example.org");
    server.options.https = STR("127.0.0.1:5443");
    server.front = &front;
    server.hub = &hub;
    hub.server = &server;
    assert_int_equal(web_files_load(dir, &front.files), 0);
    shard = shard_new(&hub, false, shard_handlers);
    gate = shard_new(&hub, true, gate_handlers_);
    return 0;
}

static int stage_close(void **state) {
    (void)state;
    web_close(turn_begin(shard));
    web_files_free(&front.files);
    shard_free(&gate);
    shard_free(&shard);
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

static void turn_once(void) {
    struct shard *places[] = {shard, gate};
    for (unsigned i = 0; i < 2; i++) {
        turn_begin(places[i]);
        shard_drain(places[i]);
        loop_turn(places[i]->loop, true);
        turn_end(places[i]);
    }
}

/* A connection as a gate hands it over; our end. */
static int client_open(bool metrics_only) {
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    struct net_address peer = {.ip = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1}};
    struct msg_http *m = msg_new(MSG_HTTP, sizeof *m, 0);
    m->conn = conn_new(pair[0], &peer, &limits);
    m->metrics_only = metrics_only;
    shard_post(shard, &m->msg);
    return pair[1];
}

/* What comes back within some turns. *out_ended: the server has closed. */
static struct str client_read(struct arena *arena, int fd, bool *out_ended) {
    struct buf got = BUF_INIT;
    *out_ended = false;
    for (unsigned idle = 0; idle < 20 && !*out_ended; idle++) {
        turn_once();
        for (ssize_t n; (n = recv(fd, buf_reserve(&got, 65536), 65536, 0)) >= 0; idle = 0) {
            if (n == 0) {
                *out_ended = true;
                break;
            }
            buf_commit(&got, (size_t)n);
        }
    }
    struct str out = arena_dup(arena, buf_str(&got));
    buf_free(&got);
    return out;
}

static struct str ask_ended(struct arena *arena, const char *request, bool *out_ended) {
    int fd = client_open(false);
    assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
    struct str got = client_read(arena, fd, out_ended);
    close(fd);
    turn_once();
    return got;
}

static struct str ask(struct arena *arena, const char *request) {
    bool ended;
    return ask_ended(arena, request, &ended);
}

static bool has(struct str s, const char *what) {
    return memmem(s.p, s.len, what, strlen(what)) != NULL;
}

static unsigned times(struct str s, const char *what) {
    unsigned n = 0;
    for (const char *at; (at = memmem(s.p, s.len, what, strlen(what))); n++) s = str_from(s, (size_t)(at - s.p) + 1);
    return n;
}

static int status_of(struct str s) {
    assert_true(str_starts(s, STR("HTTP/1.1 ")) && s.len > 12);
    return atoi(s.p + 9);
}

#define GET(path, more) "GET " path " HTTP/1.1\r\nHost: example.org\r\n" more "\r\n"

/* --- the tests --- */

static void test_statuses(void **state) {
    static const struct {
        const char *request;
        int status;
        bool ended;
    } all[] = {
        {GET("/", ""), 200, false},
        {GET("/index.html", ""), 200, false},
        {GET("/healthz?x=1", ""), 200, false},
        {GET("/nothing", ""), 404, false},
        {GET("/assets", ""), 404, false},
        {GET("/orphan.txt", ""), 404, false},
        {GET("/orphan.txt.br", ""), 404, false},
        {GET("/index.html.br", ""), 404, false},
        {GET("/.secret", ""), 404, false},
        {GET("/../etc/passwd", ""), 400, true},
        {GET("/metrics", ""), 404, false},
        {GET("/xmpp", ""), 426, false},
        {GET("/", "Content-Length: 3\r\n") "abc", 400, true},
        {GET("/", "Content-Length: 0\r\n"), 200, false},
        {GET("/", "Connection: close\r\n"), 200, true},
        {"GET / HTTP/1.0\r\nHost: example.org\r\n\r\n", 200, true},
        {"POST / HTTP/1.1\r\nHost: example.org\r\nContent-Length: 1\r\n\r\nx", 405, true},
        {"DELETE /healthz HTTP/1.1\r\nHost: example.org\r\n\r\n", 405, false},
        {"DELETE /nothing HTTP/1.1\r\nHost: example.org\r\n\r\n", 404, false},
        {"OPTIONS / HTTP/1.1\r\nHost: example.org\r\n\r\n", 204, false},
        {"OPTIONS * HTTP/1.1\r\nHost: example.org\r\n\r\n", 204, false},
        {"CONNECT a:1 HTTP/1.1\r\nHost: example.org\r\n\r\n", 405, true},
        {"rubbish\r\n\r\n", 400, true},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        bool ended;
        struct str got = ask_ended(*state, all[i].request, &ended);
        if (status_of(got) != all[i].status || ended != all[i].ended)
            fail_msg("%s -> %d, %s", all[i].request, status_of(got), ended ? "closed" : "open");
        assert_int_equal(has(got, "Allow: GET, HEAD, OPTIONS\r\n"), all[i].status == 405 || all[i].status == 204);
        assert_true(has(got, "X-Content-Type-Options: nosniff\r\n"));
        assert_true(has(got, "frame-ancestors 'none'"));
        assert_false(has(got, "Strict-Transport-Security"));
    }
}

static void test_forms(void **state) {
    struct str plain = ask(*state, GET("/", "")), br = ask(*state, GET("/", "Accept-Encoding: gzip, br\r\n"));
    assert_true(str_ends(plain, STR("\r\n\r\n<p>hello</p>")) && has(plain, "text/html; charset=utf-8"));
    assert_true(has(plain, "Vary: Accept-Encoding\r\n") && !has(plain, "Content-Encoding"));
    assert_true(str_ends(br, STR("\r\n\r\nBR")) && has(br, "Content-Encoding: br\r\n") &&
                has(br, "Content-Length: 2\r\n"));
    assert_true(str_ends(ask(*state, GET("/", "Accept-Encoding: gzip\r\n")), STR("GZ")));
    assert_true(str_ends(ask(*state, GET("/", "Accept-Encoding: br;q=0, gzip;q=0\r\n")), STR("</p>")));
    assert_true(has(plain, "Cache-Control: no-cache\r\n"));
    assert_true(has(ask(*state, GET("/manifest.webmanifest", "")), "application/manifest+json"));
    struct str big = ask(*state, GET("/assets/big-1a2b.js", ""));
    assert_true(has(big, "Cache-Control: public, max-age=31536000, immutable\r\n") && !has(big, "Vary"));
}

static void test_not_modified(void **state) {
    struct str got = ask(*state, GET("/", ""));
    const char *at = memmem(got.p, got.len, "ETag: ", 6);
    assert_non_null(at);
    struct str etag = str_first(str_from(got, (size_t)(at - got.p) + 6), 26);
    struct str again = arena_printf(*state, GET("/", "If-None-Match: \"no\", W/%.*s\r\n"), STR_FMT(etag));
    struct str known = ask(*state, again.p);
    assert_int_equal(status_of(known), 304);
    assert_true(str_ends(known, STR("\r\n\r\n")) && !has(known, "Content-Length"));
    again = arena_printf(*state, GET("/", "Accept-Encoding: br\r\nIf-None-Match: %.*s\r\n"), STR_FMT(etag));
    assert_int_equal(status_of(ask(*state, again.p)), 200); /* another form */
}

static void test_head(void **state) {
    struct str got =
        ask(*state,
            "HEAD /assets/big-1a2b.js HTTP/1.1\r\nHost: example.org\r\n\r\n" GET("/healthz", "Connection: close\r\n"));
    assert_true(has(got, "Content-Length: 700000\r\n"));
    assert_int_equal(times(got, "HTTP/1.1 200"), 2);
    assert_true(got.len < 4000);
}

static void test_host_meta(void **state) {
    static const struct {
        const char *host, *url;
    } all[] = {
        {"example.org", "wss://example.org:5443/xmpp"},           {"example.org:5280", "wss://example.org:5443/xmpp"},
        {"chat.example.org", "wss://chat.example.org:5443/xmpp"}, {"evil.net", "wss://example.org:5443/xmpp"},
        {"notexample.org", "wss://example.org:5443/xmpp"},        {"127.0.0.1:5280", "wss://example.org:5443/xmpp"},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct str request =
            arena_printf(*state, "GET /.well-known/host-meta.json HTTP/1.1\r\nHost: %s\r\n\r\n", all[i].host);
        struct str got = ask(*state, request.p);
        assert_true(has(got, "Access-Control-Allow-Origin: *\r\n") && has(got, "Content-Type: application/json\r\n"));
        struct str want = arena_printf(
            *state, "{\"links\":[{\"rel\":\"urn:xmpp:alt-connections:websocket\",\"href\":\"%s\"}]}\n", all[i].url);
        if (!str_ends(got, want)) fail_msg("%s -> %.*s", all[i].host, STR_FMT(got));
    }
    assert_true(has(ask(*state, GET("/.well-known/host-meta", "")),
                    "<Link rel='urn:xmpp:alt-connections:websocket' href='wss://example.org:5443/xmpp'/></XRD>"));
}

static void test_pipelined(void **state) {
    bool ended;
    int fd = client_open(false);
    for (unsigned i = 0; i < 100; i++) assert_true(send(fd, GET("/healthz", ""), strlen(GET("/healthz", "")), 0) > 0);
    const char *last = GET("/assets/big-1a2b.js", "") GET("/nothing", "Connection: close\r\n");
    assert_int_equal(send(fd, last, strlen(last), 0), strlen(last));
    struct str got = client_read(*state, fd, &ended);
    assert_true(ended);
    assert_int_equal(times(got, "HTTP/1.1 200"), 101);
    assert_int_equal(times(got, "HTTP/1.1 404"), 1);
    assert_true(got.len > BIG);
    close(fd);
}

static void test_byte_by_byte(void **state) {
    bool ended;
    int fd = client_open(false);
    const char *request = GET("/healthz", "");
    for (const char *c = request; *c; c++) {
        assert_int_equal(send(fd, c, 1, 0), 1);
        turn_once();
    }
    assert_int_equal(status_of(client_read(*state, fd, &ended)), 200);
    assert_false(ended);
    close(fd);
    turn_once();
}

/* What is not read is not piled up. */
static void test_slow_reader(void **state) {
    bool ended;
    int fd = client_open(false);
    const char *request = GET("/assets/big-1a2b.js", "");
    for (unsigned i = 0; i < 50; i++) {
        if (send(fd, request, strlen(request), 0) < 0) break;
        turn_once();
    }
    struct str got = client_read(*state, fd, &ended);
    assert_int_equal(times(got, "HTTP/1.1 200"), 50);
    assert_int_equal(got.len / BIG, 50);
    close(fd);
    turn_once();
}

#define HANDSHAKE                                                                                                      \
    GET("/xmpp", "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"                          \
                 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: xmpp\r\n")

static void test_upgrade(void **state) {
    bool ended;
    seen.upgrades = 0;
    ask_ended(*state, GET("/healthz", "") HANDSHAKE, &ended);
    assert_true(seen.unsent > 0); /* the answer before it goes out from the gate */
    assert_int_equal(seen.upgrades, 1);
    assert_int_equal(
        status_of(
            ask(*state, GET("/xmpp", "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 8\r\n"))),
        426);
    assert_int_equal(seen.upgrades, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        with_arena(test_statuses),     with_arena(test_forms),       with_arena(test_not_modified),
        with_arena(test_head),         with_arena(test_host_meta),   with_arena(test_pipelined),
        with_arena(test_byte_by_byte), with_arena(test_slow_reader), with_arena(test_upgrade),
    };
    return cmocka_run_group_tests(tests, stage_open, stage_close);
}
