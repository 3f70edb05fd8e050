/*
 * tls_test.c: contexts and sessions, and connections that use them. The peer is OpenSSL in a thread of its own with a
 * blocking socket; the loop under test runs in the main thread.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/err.h"
#include "net/conn.h"
#include "net/tls.h"

#define NOT_CLOSED 1

static char dir[] = "/tmp/confab-tls-XXXXXX", certificate[64], key[64];
static const char *const alpn[] = {"xmpp-client", "http/1.1", NULL};
static struct arena *arena;
static struct loop *loop;
static struct tls_context *context;

static int set_up_all(void **state) {
    (void)state;
    CHECK(mkdtemp(dir));
    snprintf(certificate, sizeof(certificate), "%s/certificate", dir);
    snprintf(key, sizeof(key), "%s/key", dir);
    struct str names[] = {STR("example.test"), STR("groups.example.test"), STR("127.0.0.1"), STR("::1")};
    return tls_make_self_signed(certificate, key, names, 4);
}

static int tear_down_all(void **state) {
    (void)state;
    unlink(certificate);
    unlink(key);
    return rmdir(dir);
}

static int set_up(void **state) {
    (void)state;
    arena = arena_new();
    loop = loop_new();
    struct str message;
    return tls_context_new(certificate, key, alpn, arena, &context, &message);
}

static int tear_down(void **state) {
    (void)state;
    tls_context_unref(&context);
    loop_free(&loop);
    arena_free(&arena);
    return 0;
}

/* --- contexts --- */

static void test_self_signed(void **state) {
    (void)state;
    struct stat st;
    assert_int_equal(stat(key, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    assert_int_equal(SSL_CTX_use_certificate_file(ctx, certificate, SSL_FILETYPE_PEM), 1);
    X509 *x509 = SSL_CTX_get0_certificate(ctx);
    assert_int_equal(X509_check_host(x509, "example.test", 0, 0, NULL), 1);
    assert_int_equal(X509_check_host(x509, "groups.example.test", 0, 0, NULL), 1);
    assert_int_equal(X509_check_host(x509, "other.test", 0, 0, NULL), 0);
    assert_int_equal(X509_check_ip_asc(x509, "127.0.0.1", 0), 1);
    assert_int_equal(X509_check_ip_asc(x509, "::1", 0), 1);
    assert_int_equal(X509_verify(x509, X509_get0_pubkey(x509)), 1);
    SSL_CTX_free(ctx);

    char other[80];
    snprintf(other, sizeof(other), "%s/no/such", dir);
    assert_int_equal(tls_make_self_signed(other, other, &STR("a"), 1), ERR_IO);
    struct str bad[] = {STR("a b"), STR(""), STR("m\xc3\xbcller.test")};
    for (int i = 0; i < 3; i++) assert_int_equal(tls_make_self_signed(other, other, &bad[i], 1), ERR_INVALID);
    assert_int_equal(tls_make_self_signed(other, other, bad, 0), ERR_INVALID);
}

static void test_context_errors(void **state) {
    (void)state;
    struct tls_context *ctx = NULL;
    struct str message = STR_NONE;
    assert_int_equal(tls_context_new("/nonexistent", key, NULL, arena, &ctx, &message), ERR_CONFIG);
    assert_true(str_starts(message, STR("/nonexistent: ")));
    assert_int_equal(tls_context_new(certificate, certificate, NULL, arena, &ctx, &message), ERR_CONFIG);
    assert_true(str_starts(message, str_c(certificate)));
    assert_null(ctx);
    struct tls_context *again = tls_context_ref(context);
    tls_context_unref(&again);
    assert_null(again);
    tls_context_unref(&again);
}

/* --- the peer --- */

struct peer {
    int fd;
    pthread_t thread;
    /* What it is to do. */
    int max_version;         /* 0: any */
    const char *offers_alpn; /* wire format */
    bool starttls, injects, garbage, proxy, shuts_down, vanishes;
    size_t sends, reads; /* bytes */
    /* What it saw. */
    bool connected, echo_right, got_close_notify;
    char protocol[32];
    uint8_t exporter[32], end_point[32];
};

static void peer_exchange(struct peer *peer, SSL *ssl) {
    uint8_t *out = malloc(peer->sends + 1), *in = malloc(peer->reads + 1);
    for (size_t i = 0; i < peer->sends; i++) out[i] = (uint8_t)(i * 7 + i / 251);
    size_t n, sent = 0, got = 0;
    while (sent < peer->sends || got < peer->reads) { /* not all at once: both directions could be full */
        size_t some = peer->sends - sent < 30000 ? peer->sends - sent : 30000;
        if (some && SSL_write_ex(ssl, out + sent, some, &n)) sent += n;
        size_t due = sent < peer->reads ? sent : peer->reads;
        while (got < due && SSL_read_ex(ssl, in + got, due - got, &n)) got += n;
        if (got < due) break;
    }
    peer->echo_right = got == peer->reads && memcmp(in, out, got) == 0;
    if (peer->shuts_down) SSL_shutdown(ssl);
    if (!peer->vanishes) {
        int result = SSL_read_ex(ssl, in, 1, &n);
        peer->got_close_notify = !result && SSL_get_error(ssl, result) == SSL_ERROR_ZERO_RETURN;
    }
    free(in);
    free(out);
}

static void peer_facts(struct peer *peer, SSL *ssl) {
    const uint8_t *name;
    unsigned len;
    SSL_get0_alpn_selected(ssl, &name, &len);
    snprintf(peer->protocol, sizeof(peer->protocol), "%.*s", (int)len, name ? (const char *)name : "");
    CHECK(SSL_export_keying_material(ssl, peer->exporter, 32, "EXPORTER-Channel-Binding", 24, (const uint8_t *)"", 0,
                                     1) == 1);
    X509 *x509 = SSL_get1_peer_certificate(ssl);
    CHECK(X509_digest(x509, EVP_sha256(), peer->end_point, &len) == 1);
    X509_free(x509);
}

static void peer_send_plain(const struct peer *peer, const char *text, size_t len) {
    CHECK(send(peer->fd, text, len, MSG_NOSIGNAL) == (ssize_t)len);
}

static bool peer_starttls(const struct peer *peer) {
    if (peer->injects)
        peer_send_plain(peer, "STARTTLS\nINJECTED", 17);
    else
        peer_send_plain(peer, "STARTTLS\n", 9);
    char answer[9] = "";
    return recv(peer->fd, answer, 8, MSG_WAITALL) == 8 && strcmp(answer, "PROCEED\n") == 0;
}

static void *peer_run(void *arg) {
    struct peer *peer = arg;
    if (peer->garbage) peer_send_plain(peer, "GET / HTTP/1.1\r\n\r\n", 18);
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(ctx);
    SSL_set_fd(ssl, peer->fd);
    SSL_set_security_level(ssl, 0);
    if (peer->max_version) {
        SSL_set_min_proto_version(ssl, TLS1_VERSION);
        SSL_set_max_proto_version(ssl, peer->max_version);
    }
    if (peer->offers_alpn)
        SSL_set_alpn_protos(ssl, (const uint8_t *)peer->offers_alpn, (unsigned)strlen(peer->offers_alpn));
    if (peer->proxy) { /* header and hello in one packet, as proxies do */
        int cork = 1;
        setsockopt(peer->fd, IPPROTO_TCP, 3 /* TCP_CORK */, &cork, sizeof(cork));
        peer_send_plain(peer, "PROXY!", 6);
    }
    if (!peer->starttls || peer_starttls(peer)) {
        peer->connected = SSL_connect(ssl) == 1;
        if (peer->connected) {
            peer_facts(peer, ssl);
            peer_exchange(peer, ssl);
        }
    }
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    shutdown(peer->fd, SHUT_RDWR);
    return NULL;
}

/* --- the server's side --- */

struct party {
    struct conn *conn;
    size_t total, close_after;
    bool secure;
    int closed;
    char failure[80];
};

static size_t party_data(struct conn *conn, struct str bytes) {
    struct party *p = conn_owner(conn);
    if (!p->secure && str_starts(bytes, STR("STARTTLS\n"))) {
        conn_write(conn, STR("PROCEED\n"));
        assert_int_equal(conn_start_tls(conn, context), 0);
        return 9;
    }
    if (!p->secure && str_starts(bytes, STR("PROXY!"))) {
        conn_peek(conn, false);
        assert_int_equal(conn_start_tls(conn, context), 0);
        return 6;
    }
    if (!p->secure) return 0;
    p->total += bytes.len;
    conn_write(conn, bytes);
    if (p->close_after && p->total >= p->close_after) conn_close(conn, 2000);
    return bytes.len;
}

static void party_drain(struct conn *conn) {
    (void)conn;
}

static void party_secure(struct conn *conn) {
    struct party *p = conn_owner(conn);
    assert_false(p->secure);
    p->secure = true;
}

static void party_closed(struct conn *conn, int err) {
    struct party *p = conn_owner(conn);
    p->closed = err;
    if (conn_tls(conn)) snprintf(p->failure, sizeof(p->failure), "%s", tls_failure(conn_tls(conn)));
}

static const struct conn_ops party_ops = {party_data, party_drain, party_secure, party_closed};
static const struct conn_limits limits = {
    .unread_max = 100000, .out_high = 65536, .out_max = 16 << 20, .turn_max = 20000};

static void tcp_pair(int out[2]) {
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(sa);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(bind(listener, (struct sockaddr *)&sa, len) == 0 && listen(listener, 1) == 0);
    CHECK(getsockname(listener, (struct sockaddr *)&sa, &len) == 0);
    out[1] = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(connect(out[1], (struct sockaddr *)&sa, len) == 0);
    out[0] = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    CHECK(out[0] >= 0);
    close(listener);
}

/* The same facts as the peer's, as we see them. */
static void party_facts(const struct party *p, const struct peer *peer, struct peer *out) {
    const struct tls *tls = conn_tls(p->conn);
    uint8_t end_point[64];
    size_t len;
    assert_true(tls_server_end_point(tls, end_point, &len));
    assert_int_equal(len, 32);
    memcpy(out->end_point, end_point, 32);
    assert_true(tls_exporter(tls, out->exporter));
    assert_string_equal(tls_version(tls), peer->max_version == TLS1_2_VERSION ? "TLSv1.2" : "TLSv1.3");
    assert_true(strlen(tls_cipher(tls)) > 0);
    struct str protocol = tls_alpn(tls);
    snprintf(out->protocol, sizeof(out->protocol), "%.*s", STR_FMT(protocol));
}

/* Runs both sides until the server's connection has ended. */
static void run(struct party *p, struct peer *peer) {
    int fds[2];
    tcp_pair(fds);
    peer->fd = fds[1];
    static const struct net_address address;
    p->closed = NOT_CLOSED;
    p->conn = conn_new(fds[0], &address, &limits);
    if (peer->proxy) conn_peek(p->conn, true);
    if (!peer->starttls && !peer->proxy) assert_int_equal(conn_start_tls(p->conn, context), 0);
    conn_attach(p->conn, loop, &party_ops, p);
    CHECK(pthread_create(&peer->thread, NULL, peer_run, peer) == 0);
    while (p->closed == NOT_CLOSED) loop_turn(loop, false);
    struct peer ours = {0};
    bool up = p->secure && p->closed != ERR_TLS;
    if (up) party_facts(p, peer, &ours);
    conn_free(&p->conn);
    pthread_join(peer->thread, NULL);
    close(peer->fd);
    if (!up) return;
    assert_memory_equal(ours.end_point, peer->end_point, 32);
    assert_memory_equal(ours.exporter, peer->exporter, 32);
    assert_string_equal(ours.protocol, peer->protocol);
}

static void test_echo(void **state) {
    (void)state;
    static const int versions[] = {0, TLS1_2_VERSION};
    for (int i = 0; i < 2; i++) {
        struct party p = {0};
        struct peer peer = {.max_version = versions[i], .sends = 300000, .reads = 300000, .shuts_down = true};
        run(&p, &peer);
        assert_true(peer.connected && peer.echo_right && p.secure);
        assert_int_equal(p.closed, ERR_CLOSED);
        assert_int_equal(p.total, 300000);
    }
}

static void test_we_close_with_a_notice(void **state) {
    (void)state;
    struct party p = {.close_after = 50000};
    struct peer peer = {.sends = 50000, .reads = 50000};
    run(&p, &peer);
    assert_true(peer.echo_right && peer.got_close_notify);
    assert_int_equal(p.closed, 0);
}

static void test_a_peer_that_vanishes(void **state) {
    (void)state;
    struct party p = {0};
    struct peer peer = {.sends = 1000, .reads = 1000, .vanishes = true};
    run(&p, &peer);
    assert_true(peer.echo_right);
    assert_int_equal(p.closed, ERR_CLOSED); /* an EOF without close_notify is an EOF */
}

static void test_old_versions_are_refused(void **state) {
    (void)state;
    struct party p = {0};
    struct peer peer = {.max_version = TLS1_1_VERSION};
    run(&p, &peer);
    assert_false(peer.connected);
    assert_int_equal(p.closed, ERR_TLS);
    assert_string_equal(p.failure, "unsupported protocol");
}

static void test_alpn(void **state) {
    (void)state;
    static const struct {
        const char *offers, *chosen; /* NULL: refused */
    } cases[] = {
        {"\x0bxmpp-client", "xmpp-client"},
        {"\x08http/1.1\x0bxmpp-client", "xmpp-client"}, /* our order */
        {"\x02h2\x08http/1.1", "http/1.1"},
        {"\x02h2\x0bxmpp-server", NULL},
        {NULL, ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct party p = {0};
        struct peer peer = {.offers_alpn = cases[i].offers, .sends = 10, .reads = 10, .vanishes = true};
        run(&p, &peer);
        assert_int_equal(peer.connected, cases[i].chosen != NULL);
        assert_int_equal(p.closed, cases[i].chosen ? ERR_CLOSED : ERR_TLS);
        if (cases[i].chosen) assert_string_equal(peer.protocol, cases[i].chosen);
    }
}

static void test_starttls(void **state) {
    (void)state;
    struct party p = {0};
    struct peer peer = {.starttls = true, .sends = 5000, .reads = 5000, .vanishes = true};
    run(&p, &peer);
    assert_true(peer.echo_right && p.secure);
}

static void test_starttls_injection(void **state) {
    (void)state;
    struct party p = {0};
    struct peer peer = {.starttls = true, .injects = true};
    run(&p, &peer);
    assert_false(peer.connected || p.secure);
    assert_int_equal(p.closed, ERR_INVALID);
    assert_int_equal(p.total, 0);
}

static void test_a_proxy_header_in_front_of_tls(void **state) {
    (void)state;
    struct party p = {0};
    struct peer peer = {.proxy = true, .sends = 5000, .reads = 5000, .vanishes = true};
    run(&p, &peer);
    assert_true(peer.echo_right && p.secure);
}

static void test_garbage(void **state) {
    (void)state;
    struct party p = {0};
    struct peer peer = {.garbage = true};
    run(&p, &peer);
    assert_int_equal(p.closed, ERR_TLS);
    assert_string_equal(p.failure, "http request");
    assert_false(p.secure);
}

int main(void) {
    signal(SIGPIPE, SIG_IGN);
    alarm(100);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_self_signed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_context_errors, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_echo, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_we_close_with_a_notice, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_peer_that_vanishes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_old_versions_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_alpn, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_starttls, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_starttls_injection, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_proxy_header_in_front_of_tls, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_garbage, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
