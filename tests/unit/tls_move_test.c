/*
 * tls_move_test.c: the design rests on this: a TLS session whose handshake ran on one thread goes on living on another.
 * Gate and shards are threads of this process; the clients are OpenSSL in a child process, forked before there are
 * threads, so that the memory counted here is the server's alone.
 *
 * CONFAB_TLS_SESSIONS=1000 for the full size; CONFAB_TLS_STAY=1 keeps the sessions on the gate, to compare.
 * The figures of docs/decisions/001-tls-sessions-move.md come from here.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/check.h"
#include "base/err.h"
#include "net/conn.h"
#include "net/listener.h"
#include "net/loop.h"
#include "net/tls.h"

#define THREADS_MAX 3 /* gate, shard, shard */
#define PAYLOAD_MAX 20000
#define MOVES_EVERY 3 /* pieces of data between two moves, when sessions keep moving */

/* --- the server: threads that hand connections to each other --- */

struct session {
    struct conn *conn;
    struct session *next; /* in a mailbox */
    struct node *at;
    unsigned pieces;
    int64_t pushed_ns;
};

struct node {
    struct loop *loop;
    _Atomic(struct session *) mailbox; /* a stack: pushed by any, taken whole */
    struct server *server;
    pthread_t thread;
    atomic_long moves, move_ns; /* sessions taken in, and how long they were under way */
};

struct server {
    struct node nodes[THREADS_MAX];
    struct listener *listener;
    struct tls_context *ctx;
    bool stay;       /* sessions stay on the gate */
    bool keep_going; /* sessions go on moving between the shards */
    atomic_int live, up, bad;
    atomic_bool stop;
};

static const struct conn_limits limits = {
    .unread_max = 65536, .out_high = 65536, .out_max = 1 << 20, .turn_max = 65536};

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void session_post(struct session *s, struct node *to) {
    s->pushed_ns = now_ns();
    struct session *head = atomic_load(&to->mailbox);
    do s->next = head;
    while (!atomic_compare_exchange_weak(&to->mailbox, &head, s));
    loop_wake(to->loop);
}

static size_t shard_on_data(struct conn *conn, struct str bytes) {
    struct session *s = conn_owner(conn);
    struct server *server = s->at->server;
    if (!server->keep_going || ++s->pieces % MOVES_EVERY != 0) {
        conn_write(conn, bytes);
        return bytes.len;
    }
    /* Half is answered here; the other half, and the answer itself, travel. */
    size_t half = bytes.len / 2;
    conn_write(conn, str_first(bytes, half));
    struct node *to = &server->nodes[s->at == &server->nodes[1] ? 2 : 1];
    conn_detach_at(conn, half);
    session_post(s, to);
    return 0;
}

static void shard_on_closed(struct conn *conn, int err) {
    struct session *s = conn_owner(conn);
    if (err != ERR_CLOSED) atomic_fetch_add(&s->at->server->bad, 1);
    atomic_fetch_sub(&s->at->server->live, 1);
    conn_free(&conn);
    free(s);
}

static void ignore(struct conn *conn) {
    (void)conn;
}

static const struct conn_ops shard_ops = {shard_on_data, ignore, ignore, shard_on_closed};

static void gate_on_secure(struct conn *conn) {
    struct session *s = conn_owner(conn);
    struct server *server = s->at->server;
    atomic_fetch_add(&server->up, 1);
    if (server->stay) {
        conn_set_owner(conn, &shard_ops, s);
        return;
    }
    conn_detach(conn);
    session_post(s, &server->nodes[1]);
}

static size_t gate_on_data(struct conn *conn, struct str bytes) {
    (void)conn;
    (void)bytes;
    CHECK_UNREACHABLE("a session leaves the gate as soon as it is secure");
}

static const struct conn_ops gate_ops = {gate_on_data, ignore, gate_on_secure, shard_on_closed};

static void gate_on_accept(void *owner, int fd, const struct net_address *peer) {
    struct server *server = owner;
    struct session *s = calloc(1, sizeof(*s));
    s->at = &server->nodes[0];
    s->conn = conn_new(fd, peer, &limits);
    atomic_fetch_add(&server->live, 1);
    CHECK(conn_start_tls(s->conn, server->ctx) == 0);
    conn_attach(s->conn, s->at->loop, &gate_ops, s);
}

static bool node_take(struct node *node) {
    struct session *s = atomic_exchange(&node->mailbox, NULL);
    if (!s) return false;
    while (s) {
        struct session *next = s->next;
        s->at = node;
        atomic_fetch_add(&node->moves, 1);
        atomic_fetch_add(&node->move_ns, now_ns() - s->pushed_ns);
        conn_attach(s->conn, node->loop, &shard_ops, s);
        s = next;
    }
    return true;
}

static void *node_run(void *arg) {
    struct node *node = arg;
    while (!atomic_load(&node->server->stop)) {
        loop_sleeping(node->loop);
        bool busy = node_take(node) || atomic_load(&node->server->stop);
        loop_turn(node->loop, busy);
    }
    return NULL;
}

/* --- the clients: a child process --- */

struct pipes {
    int to_child[2], to_parent[2];
};

static void say(int fd, uint32_t word) {
    CHECK(write(fd, &word, sizeof(word)) == (ssize_t)sizeof(word));
}

static uint32_t hear(int fd) {
    uint32_t word;
    return read(fd, &word, sizeof(word)) == (ssize_t)sizeof(word) ? word : UINT32_MAX;
}

static SSL *client_connect(SSL_CTX *ctx, uint16_t port, bool tls12) {
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(fd >= 0 && connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0);
    SSL *ssl = SSL_new(ctx);
    CHECK(ssl && SSL_set_fd(ssl, fd));
    if (tls12) SSL_set_max_proto_version(ssl, TLS1_2_VERSION);
    CHECK(SSL_connect(ssl) == 1);
    return ssl;
}

static void payload_make(uint8_t *out, size_t len, unsigned client, unsigned round) {
    for (size_t i = 0; i < len; i++) out[i] = (uint8_t)(i * 31 + client * 7 + round);
}

/* From one byte to more than one record. */
static size_t payload_len(unsigned client, unsigned round) {
    return 1 + (client * 7919u + round * 104729u) % PAYLOAD_MAX;
}

static bool client_read_all(SSL *ssl, uint8_t *out, size_t len) {
    for (size_t got = 0, n; got < len; got += n)
        if (!SSL_read_ex(ssl, out + got, len - got, &n)) return false;
    return true;
}

/* All write, with nobody reading, then all read: the server has many sessions in hand at once. */
static bool clients_round(SSL **clients, unsigned from, unsigned to, unsigned round) {
    static uint8_t sent[PAYLOAD_MAX + 1], got[PAYLOAD_MAX + 1];
    for (unsigned i = from; i < to; i++) {
        size_t len = payload_len(i, round), n;
        payload_make(sent, len, i, round);
        if (round > 0 && !SSL_write_ex(clients[i], sent, len, &n)) return false;
    }
    for (unsigned i = from; i < to; i++) {
        size_t len = payload_len(i, round);
        payload_make(sent, len, i, round);
        if (!client_read_all(clients[i], got, len) || memcmp(sent, got, len) != 0) return false;
    }
    return true;
}

static bool clients_run(const struct pipes *pipes, unsigned count, unsigned warm, unsigned rounds) {
    static uint8_t payload[PAYLOAD_MAX + 1];
    uint16_t port = (uint16_t)hear(pipes->to_child[0]);
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_mode(ctx, SSL_MODE_AUTO_RETRY | SSL_MODE_RELEASE_BUFFERS);
    SSL **clients = calloc(count, sizeof(*clients));
    for (unsigned i = 0; i < count; i++) {
        if (i == warm) {
            if (!clients_round(clients, 0, warm, 0)) return false;
            say(pipes->to_parent[1], 1); /* the server is warm: count from here */
            hear(pipes->to_child[0]);
        }
        clients[i] = client_connect(ctx, port, i % 4 == 3);
        size_t len = payload_len(i, 0), n; /* at once: it reaches the server before, in or after the move */
        payload_make(payload, len, i, 0);
        if (!SSL_write_ex(clients[i], payload, len, &n)) return false;
    }
    for (unsigned round = 0; round < rounds; round++)
        if (!clients_round(clients, round ? 0 : warm, count, round)) return false;
    say(pipes->to_parent[1], 2); /* all idle */
    hear(pipes->to_child[0]);
    for (unsigned i = 0; i < count; i++) {
        if (i % 2) SSL_shutdown(clients[i]); /* the others just vanish */
        close(SSL_get_fd(clients[i]));
        SSL_free(clients[i]);
    }
    free(clients);
    SSL_CTX_free(ctx);
    return true;
}

/* --- the tests --- */

static size_t heap_bytes(void) {
    struct mallinfo2 info = mallinfo2(); /* all arenas; 0 under sanitizers */
    return info.uordblks + info.hblkhd;
}

static size_t rss_bytes(void) {
    unsigned long total = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    CHECK(f && fscanf(f, "%lu %lu", &total, &resident) == 2);
    fclose(f);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

static struct tls_context *context_make(void) {
    char dir[] = "/tmp/confab-tls-XXXXXX", certificate[64], key[64];
    CHECK(mkdtemp(dir));
    snprintf(certificate, sizeof(certificate), "%s/c", dir);
    snprintf(key, sizeof(key), "%s/k", dir);
    CHECK(tls_make_self_signed(certificate, key, &STR("localhost"), 1) == 0);
    struct arena *arena = arena_new();
    struct tls_context *ctx;
    struct str message;
    CHECK(tls_context_new(certificate, key, NULL, arena, &ctx, &message) == 0);
    arena_free(&arena);
    unlink(certificate);
    unlink(key);
    rmdir(dir);
    return ctx;
}

static void server_start(struct server *server, unsigned threads) {
    struct arena *arena = arena_new();
    struct str message;
    server->ctx = context_make();
    for (unsigned i = 0; i < threads; i++) {
        server->nodes[i].server = server;
        server->nodes[i].loop = loop_new();
    }
    assert_int_equal(listener_open(server->nodes[0].loop, STR("127.0.0.1:0"), false, gate_on_accept, server, arena,
                                   &server->listener, &message),
                     0);
    arena_free(&arena);
    for (unsigned i = 0; i < threads; i++)
        assert_int_equal(pthread_create(&server->nodes[i].thread, NULL, node_run, &server->nodes[i]), 0);
}

static void server_stop(struct server *server, unsigned threads) {
    for (int i = 0; i < 2000 && atomic_load(&server->live) > 0; i++) usleep(5000);
    atomic_store(&server->stop, true);
    for (unsigned i = 0; i < threads; i++) {
        loop_wake(server->nodes[i].loop);
        pthread_join(server->nodes[i].thread, NULL);
    }
    listener_close(&server->listener);
    for (unsigned i = 0; i < threads; i++) loop_free(&server->nodes[i].loop);
    tls_context_unref(&server->ctx);
}

static unsigned session_count(void) {
    const char *text = getenv("CONFAB_TLS_SESSIONS");
    int count = text ? atoi(text) : 0;
    return count > 0 ? (unsigned)count : 100;
}

static void report(const struct server *server, unsigned counted, size_t heap, size_t rss) {
    long moves = 0, ns = 0;
    for (int i = 0; i < THREADS_MAX; i++) {
        moves += atomic_load(&server->nodes[i].moves);
        ns += atomic_load(&server->nodes[i].move_ns);
    }
    print_message("sessions %u, %s: heap %zu B each, RSS %zu B each; moves %ld, %ld us under way on average\n", counted,
                  server->stay ? "stayed on the gate" : "moved", heap / counted, rss / counted, moves,
                  moves ? ns / moves / 1000 : 0);
}

static void run(struct server *server, unsigned threads, unsigned count, unsigned rounds) {
    unsigned warm = count / 10;
    struct pipes pipes;
    assert_int_equal(pipe(pipes.to_child) | pipe(pipes.to_parent), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        alarm(100);
        close(pipes.to_child[1]);
        _exit(clients_run(&pipes, count, warm, rounds) ? 0 : 1);
    }
    close(pipes.to_parent[1]);
    server_start(server, threads);
    say(pipes.to_child[1], listener_port(server->listener));
    assert_int_equal(hear(pipes.to_parent[0]), 1);
    size_t heap = heap_bytes(), rss = rss_bytes();
    say(pipes.to_child[1], 1);
    assert_int_equal(hear(pipes.to_parent[0]), 2); /* fails when an echo was wrong */
    usleep(50000);                                 /* the last turns end */
    report(server, count - warm, heap_bytes() - heap, rss_bytes() - rss);
    assert_int_equal(atomic_load(&server->up), count);
    assert_int_equal(atomic_load(&server->live), count);
    say(pipes.to_child[1], 1);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    server_stop(server, threads);
    assert_int_equal(atomic_load(&server->live), 0);
    assert_int_equal(atomic_load(&server->bad), 0);
    close(pipes.to_child[0]);
    close(pipes.to_child[1]);
    close(pipes.to_parent[0]);
}

static void test_sessions_move_once(void **state) {
    (void)state;
    struct server server = {.stay = getenv("CONFAB_TLS_STAY") != NULL};
    run(&server, 2, session_count(), 2);
    if (!server.stay) assert_int_equal(atomic_load(&server.nodes[1].moves), session_count());
}

static void test_sessions_keep_moving_while_data_flows(void **state) {
    (void)state;
    struct server server = {.keep_going = true};
    run(&server, 3, session_count() / 4 + 1, 20);
    assert_true(atomic_load(&server.nodes[2].moves) > 0);
}

int main(void) {
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sessions_move_once),
        cmocka_unit_test(test_sessions_keep_moving_while_data_flows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
