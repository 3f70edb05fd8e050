/* conn_test.c: a connection over real loopback TCP, plain; what TLS adds is in tls_test.c. Long, because its tests share one party. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/err.h"
#include "net/conn.h"

#define NOT_CLOSED 1

static struct conn_limits limits = {.unread_max = 1000, .out_high = 65536, .out_max = 8 << 20, .turn_max = 65536};
static struct loop *loop;

/* One connection, its other end, and what its owner has seen. `on_bytes` decides what on_data does; without one all is
 * consumed. */
struct party {
    struct conn *conn;
    int peer;
    struct buf seen;
    size_t (*on_bytes)(struct party *p, struct str bytes);
    void (*on_drained)(struct party *p);
    int drains, calls, closed;
    size_t largest;
};

static size_t party_data(struct conn *conn, struct str bytes) {
    struct party *p = conn_owner(conn);
    assert_int_equal(p->closed, NOT_CLOSED);
    p->calls++;
    if (bytes.len > p->largest) p->largest = bytes.len;
    size_t n = p->on_bytes ? p->on_bytes(p, bytes) : bytes.len;
    buf_add(&p->seen, bytes.p, n);
    return n;
}

static void party_drain(struct conn *conn) {
    struct party *p = conn_owner(conn);
    p->drains++;
    if (p->on_drained) p->on_drained(p);
}

static void party_secure(struct conn *conn) {
    (void)conn;
    fail();
}

static void party_closed(struct conn *conn, int err) {
    struct party *p = conn_owner(conn);
    assert_int_equal(p->closed, NOT_CLOSED);
    p->closed = err;
    conn_free(&p->conn);
}

static const struct conn_ops party_ops = {party_data, party_drain, party_secure, party_closed};

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
    fcntl(out[1], F_SETFL, O_NONBLOCK);
}

static void party_open(struct party *p) {
    int fds[2];
    tcp_pair(fds);
    static const struct net_address peer = {.ip = {[15] = 1}, .port = 7};
    *p = (struct party){.conn = conn_new(fds[0], &peer, &limits), .peer = fds[1], .closed = NOT_CLOSED};
    conn_attach(p->conn, loop, &party_ops, p);
}

static void party_shut(struct party *p) {
    conn_free(&p->conn);
    if (p->peer >= 0) close(p->peer);
    buf_free(&p->seen);
}

static void turns(int n) {
    while (n--) loop_turn(loop, true), usleep(500);
}

static void peer_send(struct party *p, const char *text) {
    assert_int_equal(send(p->peer, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* What the peer can read now; -1: EOF, -2: reset. */
static ssize_t peer_read(struct party *p, char *out, size_t len) {
    ssize_t n = recv(p->peer, out, len, 0);
    return n > 0 ? n : n == 0 ? -1 : errno == EAGAIN ? 0 : -2;
}

static void peer_expect(struct party *p, const char *text) {
    char got[256] = "";
    ssize_t n = peer_read(p, got, sizeof(got) - 1);
    assert_int_equal(n, strlen(text));
    assert_string_equal(got, text);
}

static void peer_reset(struct party *p) {
    struct linger hard = {1, 0};
    setsockopt(p->peer, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    close(p->peer);
    p->peer = -1;
}

static int set_up(void **state) {
    (void)state;
    loop = loop_new();
    limits = (struct conn_limits){.unread_max = 1000, .out_high = 65536, .out_max = 8 << 20, .turn_max = 65536};
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    loop_free(&loop);
    return 0;
}

/* --- reading and writing --- */

static size_t answer_thrice(struct party *p, struct str bytes) {
    conn_write(p->conn, STR("<"));
    conn_write2(p->conn, bytes, STR(">"));
    conn_write(p->conn, STR_NONE);
    assert_int_equal(conn_out_len(p->conn), bytes.len + 2);
    char c;
    assert_int_equal(peer_read(p, &c, 1), 0); /* not before the turn ends */
    return bytes.len;
}

static void test_answers_go_out_together(void **state) {
    (void)state;
    struct party p;
    party_open(&p);
    p.on_bytes = answer_thrice;
    peer_send(&p, "hello");
    turns(2);
    peer_expect(&p, "<hello>");
    assert_int_equal(conn_out_len(p.conn), 0);
    assert_int_equal(conn_bytes_in(p.conn), 5);
    assert_int_equal(conn_bytes_out(p.conn), 7);
    assert_true(conn_heard_ms(p.conn) > 0);
    assert_null(conn_tls(p.conn));
    assert_int_equal(conn_peer(p.conn)->port, 7);
    party_shut(&p);
}

static size_t consume_lines(struct party *p, struct str bytes) {
    (void)p;
    size_t n = bytes.len;
    while (n > 0 && bytes.p[n - 1] != '\n') n--;
    return n;
}

static void test_unread_bytes_come_again_in_one_piece(void **state) {
    (void)state;
    struct party p;
    party_open(&p);
    p.on_bytes = consume_lines;
    peer_send(&p, "on");
    turns(2);
    peer_send(&p, "e\ntw");
    turns(2);
    peer_send(&p, "o");
    turns(2);
    peer_send(&p, "\n");
    turns(2);
    assert_true(str_eq(buf_str(&p.seen), STR("one\ntwo\n")));
    assert_int_equal(p.calls, 4);
    assert_int_equal(p.largest, 6);
    party_shut(&p);
}

static size_t consume_nothing(struct party *p, struct str bytes) {
    (void)p;
    (void)bytes;
    return 0;
}

static void test_too_much_unread(void **state) {
    (void)state;
    struct party p;
    party_open(&p);
    p.on_bytes = consume_nothing;
    char kilo[1001] = "";
    memset(kilo, 'x', 1000);
    peer_send(&p, kilo);
    turns(2);
    assert_int_equal(p.closed, NOT_CLOSED);
    peer_send(&p, "y");
    turns(2);
    assert_int_equal(p.closed, ERR_LIMIT);
    party_shut(&p);
}

/* A sender that never stops gets its share of each turn and no more. */
static void test_a_turn_has_a_share(void **state) {
    (void)state;
    struct party p;
    limits.turn_max = 3000;
    party_open(&p);
    turns(1);
    static char much[100000];
    assert_int_equal(send(p.peer, much, sizeof(much), 0), sizeof(much));
    usleep(2000);
    for (int turn = 1; turn <= 10; turn++) {
        loop_turn(loop, true);
        assert_int_equal(conn_bytes_in(p.conn), 3000 * turn);
    }
    turns(30);
    assert_int_equal(conn_bytes_in(p.conn), sizeof(much));
    party_shut(&p);
}

/* --- back-pressure --- */

static void test_a_slow_reader_fills_and_drains(void **state) {
    (void)state;
    struct party p;
    party_open(&p);
    static char much[4 << 20], got[1 << 20];
    conn_write(p.conn, str_of(much, 60000));
    assert_false(conn_is_full(p.conn));
    conn_write(p.conn, str_of(much, sizeof(much)));
    assert_true(conn_is_full(p.conn));
    turns(3);
    assert_true(conn_is_full(p.conn)); /* what the kernel takes is less */
    assert_int_equal(p.drains, 0);
    size_t total = 0;
    for (int i = 0; i < 3000 && total < sizeof(much) + 60000; i++) {
        ssize_t n = peer_read(&p, got, sizeof(got));
        assert_true(n >= 0);
        total += (size_t)n;
        loop_turn(loop, true);
    }
    assert_int_equal(total, sizeof(much) + 60000);
    assert_int_equal(p.drains, 1);
    assert_false(conn_is_full(p.conn));
    conn_ask_drain(p.conn);
    conn_write(p.conn, STR("x"));
    turns(2);
    assert_int_equal(p.drains, 2);
    turns(2);
    assert_int_equal(p.drains, 2);
    party_shut(&p);
}

/* Bytes that tell where they belong. */
static char stream_byte(size_t at) {
    return (char)(at * 131 >> 7);
}

#define STREAM ((size_t)32 << 20)
static size_t streamed;
static void stream_on(struct party *p) {
    static char piece[65536];
    if (streamed >= STREAM) return;
    for (size_t i = 0; i < sizeof(piece); i++) piece[i] = stream_byte(streamed + i);
    conn_write_now(p->conn, str_of(piece, sizeof(piece)));
    streamed += sizeof(piece);
    conn_ask_drain(p->conn);
}

static void test_a_stream_at_the_readers_pace(void **state) {
    (void)state;
    struct party p;
    party_open(&p);
    p.on_drained = stream_on;
    streamed = 0;
    conn_ask_drain(p.conn);
    for (int i = 0; i < 500; i++)
        loop_turn(loop, true); /* nobody reads: what the system did not take is the rest of one piece */
    assert_true(streamed < STREAM);
    assert_in_range(conn_out_len(p.conn), 1, 65536);
    static char got[50000];
    size_t total = 0;
    for (int i = 0; i < 5000000 && total < STREAM; i++) {
        ssize_t n = peer_read(&p, got, sizeof(got));
        for (ssize_t at = 0; at < n; at++)
            if (got[at] != stream_byte(total + (size_t)at)) fail();
        total += n > 0 ? (size_t)n : 0;
        assert_true(conn_out_len(p.conn) <= 65536);
        loop_turn(loop, true);
    }
    assert_int_equal(total, STREAM);
    assert_int_equal(conn_bytes_out(p.conn), total);
    conn_write(p.conn, STR("one ")); /* waits for the end of the turn */
    conn_write_now(p.conn, STR("two "));
    turns(1);
    conn_write_now(p.conn, STR("three")); /* does not */
    peer_expect(&p, "one two three");
    party_shut(&p);
}

static void test_too_much_unsent(void **state) {
    (void)state;
    struct party p;
    limits.out_max = 100000;
    party_open(&p);
    turns(1);
    static char much[60000];
    conn_write(p.conn, str_of(much, sizeof(much)));
    conn_write(p.conn, str_of(much, sizeof(much)));
    assert_int_equal(p.closed, NOT_CLOSED); /* not from inside conn_write */
    turns(1);
    assert_int_equal(p.closed, ERR_LIMIT);
    party_shut(&p);
}

static size_t pause_after_line(struct party *p, struct str bytes) {
    size_t n = str_index(bytes, '\n');
    if (n == bytes.len) return 0;
    conn_pause(p->conn);
    return n + 1;
}

static void test_pause_and_resume(void **state) {
    (void)state;
    struct party p;
    party_open(&p);
    p.on_bytes = pause_after_line;
    peer_send(&p, "a\nb\nc");
    turns(3);
    assert_true(str_eq(buf_str(&p.seen), STR("a\n")));
    peer_send(&p, "\n");
    turns(3);
    assert_int_equal(p.calls, 1);
    conn_resume(p.conn);
    turns(3);
    assert_true(str_eq(buf_str(&p.seen), STR("a\nb\n")));
    conn_resume(p.conn);
    turns(3);
    assert_true(str_eq(buf_str(&p.seen), STR("a\nb\nc\n")));
    party_shut(&p);
}

static void never(struct loop_timer *timer, int64_t now_ms) {
    (void)timer;
    (void)now_ms;
}

/* Neither a FIN nor a reset may make epoll call us for ever while nobody reads. */
static void test_an_ended_peer_of_a_paused_one_costs_nothing(void **state) {
    (void)state;
    for (int reset = 0; reset < 2; reset++) {
        struct party p;
        party_open(&p);
        conn_pause(p.conn);
        turns(2);
        peer_send(&p, "last words");
        if (reset) {
            peer_reset(&p);
        } else {
            close(p.peer);
            p.peer = -1;
        }
        usleep(1000);
        struct loop_timer timer = {.fire = never};
        loop_timer_set(loop, &timer, loop_now_ms(loop) + 60);
        int n = 0;
        while (timer.due_ms) loop_turn(loop, false), n++;
        assert_true(n < 10);
        assert_int_equal(p.closed, NOT_CLOSED);
        conn_resume(p.conn);
        turns(3);
        assert_int_equal(p.closed, reset ? ERR_IO : ERR_CLOSED);
        if (!reset) assert_int_equal(buf_len(&p.seen), 10); /* what a reset leaves of it is the kernel's choice */
        party_shut(&p);
    }
}

/* --- the other side ends --- */

static size_t echo(struct party *p, struct str bytes) {
    conn_write(p->conn, bytes);
    return bytes.len;
}

static void test_half_close_still_gets_its_answer(void **state) {
    (void)state;
    struct party p;
    party_open(&p);
    p.on_bytes = echo;
    peer_send(&p, "question");
    shutdown(p.peer, SHUT_WR);
    turns(3);
    assert_int_equal(p.closed, ERR_CLOSED);
    peer_expect(&p, "question");
    party_shut(&p);
}

static void test_eof_waits_for_a_slow_reader(void **state) {
    (void)state;
    struct party p;
    party_open(&p);
    static char much[4 << 20], got[1 << 20];
    conn_write(p.conn, str_of(much, sizeof(much)));
    shutdown(p.peer, SHUT_WR);
    turns(3);
    assert_int_equal(p.closed, NOT_CLOSED);
    size_t total = 0;
    for (int i = 0; i < 3000 && p.closed == NOT_CLOSED; i++) {
        ssize_t n = peer_read(&p, got, sizeof(got));
        if (n > 0) total += (size_t)n;
        loop_turn(loop, true);
    }
    assert_int_equal(p.closed, ERR_CLOSED);
    for (ssize_t n; (n = peer_read(&p, got, sizeof(got))) > 0;) total += (size_t)n;
    assert_int_equal(total, sizeof(much));
    party_shut(&p);
}

static void test_reset(void **state) {
    (void)state;
    struct party p;
    party_open(&p);
    turns(1);
    peer_reset(&p);
    turns(2);
    assert_int_equal(p.closed, ERR_IO);
    party_shut(&p);

    party_open(&p); /* and found out by writing */
    conn_pause(p.conn);
    turns(1);
    peer_reset(&p);
    usleep(1000);
    conn_write(p.conn, STR("x"));
    turns(2);
    assert_int_equal(p.closed, ERR_IO);
    party_shut(&p);
}

/* --- we end it --- */

static void test_close_flushes_then_waits_for_the_peer(void **state) {
    (void)state;
    struct party p;
    party_open(&p);
    turns(1);
    conn_write(p.conn, STR("bye"));
    conn_close(p.conn, 5000);
    conn_write(p.conn, STR("too late"));
    conn_close(p.conn, 5000);
    turns(2);
    peer_expect(&p, "bye");
    char c;
    assert_int_equal(peer_read(&p, &c, 1), -1);
    peer_send(&p, "still talking"); /* is thrown away, and answered by no reset */
    turns(3);
    assert_int_equal(p.closed, NOT_CLOSED);
    assert_int_equal(p.calls, 0);
    close(p.peer);
    p.peer = -1;
    turns(2);
    assert_int_equal(p.closed, 0);
    party_shut(&p);
}

static void test_close_does_not_wait_for_ever(void **state) {
    (void)state;
    struct party p;
    party_open(&p);
    turns(1);
    conn_close(p.conn, 40);
    int64_t start_ms = loop_now_ms(loop);
    while (p.closed == NOT_CLOSED) loop_turn(loop, false);
    assert_int_equal(p.closed, 0);
    assert_in_range(loop_now_ms(loop) - start_ms, 40, 400);
    party_shut(&p);

    party_open(&p); /* the peer reads nothing, the kernel is full */
    static char much[4 << 20];
    conn_write(p.conn, str_of(much, sizeof(much)));
    turns(1);
    conn_close(p.conn, 40);
    while (p.closed == NOT_CLOSED) loop_turn(loop, false);
    assert_int_equal(p.closed, 0);
    party_shut(&p);

    party_open(&p); /* no patience at all */
    turns(1);
    conn_write(p.conn, STR("bye"));
    conn_close(p.conn, 0);
    turns(3);
    assert_int_equal(p.closed, 0);
    peer_expect(&p, "bye");
    party_shut(&p);
}

/* More than the time of one linger in all, but never so long without a byte: it gets everything. */
static void test_close_waits_for_a_slow_reader(void **state) {
    (void)state;
    enum { LINGER_MS = 1000 };
    struct party p;
    party_open(&p);
    static char much[6 << 20], got[16384];
    conn_write(p.conn, str_of(much, sizeof(much)));
    turns(1);
    conn_close(p.conn, LINGER_MS);
    size_t seen = 0;
    int64_t start_ms = loop_now_ms(loop);
    for (ssize_t n = 0; n >= 0;) {
        n = peer_read(&p, got, sizeof(got));
        if (n > 0) seen += (size_t)n;
        loop_turn(loop, true);
        /* Slowly for longer than one linger; how much it has by then does not matter. */
        if (loop_now_ms(loop) - start_ms <= LINGER_MS) usleep(5000);
    }
    assert_int_equal(seen, sizeof(much));
    assert_true(loop_now_ms(loop) - start_ms > LINGER_MS);
    party_shut(&p);
}

static void test_close_after_their_fin(void **state) {
    (void)state;
    struct party p;
    party_open(&p);
    turns(1);
    static char much[4 << 20], got[1 << 20];
    conn_write(p.conn, str_of(much, sizeof(much)));
    shutdown(p.peer, SHUT_WR);
    turns(2);
    conn_close(p.conn, 10000);
    size_t total = 0;
    for (ssize_t n; (n = peer_read(&p, got, sizeof(got))) >= 0; total += (size_t)n) loop_turn(loop, true);
    assert_int_equal(total, sizeof(much));
    turns(1);
    assert_int_equal(p.closed, 0);
    party_shut(&p);
}

/* --- from inside a callback --- */

static size_t close_at_once(struct party *p, struct str bytes) {
    conn_write(p->conn, STR("no"));
    conn_close(p->conn, 1000);
    return bytes.len / 2;
}

static size_t detach_here(struct party *p, struct str bytes) {
    conn_detach(p->conn);
    return bytes.len / 2;
}

static size_t detach_at_here(struct party *p, struct str bytes) {
    buf_add(&p->seen, bytes.p, 3);
    conn_detach_at(p->conn, 3);
    return 0;
}

static void test_close_from_on_data(void **state) {
    (void)state;
    struct party p;
    party_open(&p);
    p.on_bytes = close_at_once;
    peer_send(&p, "123456");
    turns(3);
    assert_int_equal(p.calls, 1);
    peer_expect(&p, "no");
    close(p.peer);
    p.peer = -1;
    turns(2);
    assert_int_equal(p.closed, 0);
    party_shut(&p);
}

/* Unread bytes and unsent ones go along to the other loop, whichever way it left. */
static void test_moves_from_on_data(void **state) {
    (void)state;
    size_t (*const ways[])(struct party *, struct str) = {detach_here, detach_at_here};
    for (int way = 0; way < 2; way++) {
        struct party p;
        struct loop *other = loop_new();
        party_open(&p);
        p.on_bytes = ways[way];
        peer_send(&p, "123456");
        turns(3);
        assert_int_equal(p.calls, 1);
        conn_write(p.conn, STR("on the way"));
        peer_send(&p, "789");
        p.on_bytes = echo;
        conn_attach(p.conn, other, &party_ops, &p);
        for (int i = 0; i < 3; i++) loop_turn(other, i > 0), usleep(500); /* the first does not sleep either */
        assert_true(str_eq(buf_str(&p.seen), STR("123456789")));
        peer_expect(&p, "on the way456789");
        party_shut(&p);
        loop_free(&other);
    }
}

static size_t upgrade_data(struct conn *conn, struct str bytes) {
    struct party *p = conn_owner(conn);
    buf_add(&p->seen, "[", 1);
    buf_add_str(&p->seen, bytes);
    buf_add(&p->seen, "]", 1);
    return bytes.len;
}

static const struct conn_ops upgrade_ops = {upgrade_data, party_drain, party_secure, party_closed};

static size_t upgrade_here(struct party *p, struct str bytes) {
    conn_set_owner(p->conn, &upgrade_ops, p);
    return str_index(bytes, '\n') + 1;
}

static void test_a_new_owner_gets_the_rest(void **state) {
    (void)state;
    struct party p;
    party_open(&p);
    p.on_bytes = upgrade_here;
    peer_send(&p, "upgrade\nnew");
    turns(2);
    peer_send(&p, "er");
    turns(2);
    assert_true(str_eq(buf_str(&p.seen), STR("[new]upgrade\n[er]")) ||
                str_eq(buf_str(&p.seen), STR("upgrade\n[new][er]")));
    party_shut(&p);
}

static void detach_on_drain(struct party *p) {
    conn_detach(p->conn);
}

static void test_detach_from_on_drain(void **state) {
    (void)state;
    struct party p;
    party_open(&p);
    p.on_drained = detach_on_drain;
    conn_write(p.conn, STR("x"));
    conn_ask_drain(p.conn);
    turns(3);
    assert_int_equal(p.drains, 1);
    peer_send(&p, "y");
    turns(2);
    assert_int_equal(p.calls, 0);
    party_shut(&p);
}

/* A failure or a close that happens between two loops is told by the next one. */
static void test_ends_that_travel(void **state) {
    (void)state;
    struct party p;
    limits.out_max = 10;
    party_open(&p);
    conn_detach(p.conn);
    conn_write(p.conn, STR("more than ten bytes"));
    conn_attach(p.conn, loop, &party_ops, &p);
    turns(2);
    assert_int_equal(p.closed, ERR_LIMIT);
    party_shut(&p);

    party_open(&p);
    turns(1);
    conn_write(p.conn, STR("bye"));
    conn_close(p.conn, 30);
    conn_detach(p.conn);
    conn_attach(p.conn, loop, &party_ops, &p);
    while (p.closed == NOT_CLOSED) loop_turn(loop, false);
    assert_int_equal(p.closed, 0);
    peer_expect(&p, "bye");
    party_shut(&p);
}

static void keep_closed(struct conn *conn, int err) {
    struct party *p = conn_owner(conn);
    p->drains = err; /* and nothing is freed */
}

static const struct conn_ops keep_ops = {party_data, party_drain, party_secure, keep_closed};

static void test_one_that_has_ended_tells_its_next_owner(void **state) {
    (void)state;
    struct party p;
    party_open(&p);
    conn_set_owner(p.conn, &keep_ops, &p);
    turns(1);
    close(p.peer);
    p.peer = -1;
    turns(2);
    assert_int_equal(p.drains, ERR_CLOSED);
    conn_pause(p.conn), conn_resume(p.conn), conn_write(p.conn, STR("x")), conn_close(p.conn, 1),
        conn_ask_drain(p.conn);
    turns(2);
    conn_detach(p.conn);
    conn_attach(p.conn, loop, &party_ops, &p);
    turns(2);
    assert_int_equal(p.closed, ERR_CLOSED);
    party_shut(&p);
}

/* One owner frees the other's connection, whose event is in the same batch and whose work is in the same round. */
static struct party *victim;

static size_t free_the_other(struct party *p, struct str bytes) {
    (void)p;
    if (victim && victim != p) {
        conn_free(&victim->conn);
        victim = NULL;
    }
    return bytes.len;
}

static void test_free_another_one(void **state) {
    (void)state;
    struct party a, b;
    party_open(&a);
    party_open(&b);
    a.on_bytes = b.on_bytes = free_the_other;
    turns(1);
    victim = &b;
    peer_send(&b, "b");
    peer_send(&a, "a");
    conn_write(b.conn, STR("x"));
    turns(2);
    assert_true(b.conn == NULL || victim == &b);
    party_shut(&a);
    party_shut(&b);
}

/* --- peeking --- */

static size_t proxy_then_plain(struct party *p, struct str bytes) {
    if (bytes.len < 6) return 0;
    assert_int_equal(bytes.p[0], 'P');
    conn_peek(p->conn, false);
    p->on_bytes = NULL;
    return 6;
}

static void test_peek_leaves_the_rest_in_the_socket(void **state) {
    (void)state;
    struct party p;
    party_open(&p);
    conn_peek(p.conn, true);
    p.on_bytes = proxy_then_plain;
    peer_send(&p, "PRO");
    struct loop_timer timer = {.fire = never};
    loop_timer_set(loop, &timer, loop_now_ms(loop) + 50);
    int n = 0;
    while (timer.due_ms) loop_turn(loop, false), n++;
    assert_true(n < 10); /* does not spin on the half */
    peer_send(&p, "XY!rest");
    turns(3);
    assert_true(str_eq(buf_str(&p.seen), STR("PROXY!rest")));
    assert_int_equal(conn_bytes_in(p.conn), 10);
    party_shut(&p);

    party_open(&p); /* ends in the middle of it */
    conn_peek(p.conn, true);
    p.on_bytes = proxy_then_plain;
    peer_send(&p, "PRO");
    turns(2);
    shutdown(p.peer, SHUT_WR);
    turns(2);
    assert_int_equal(p.closed, ERR_CLOSED);
    party_shut(&p);
}

int main(void) {
    signal(SIGPIPE, SIG_DFL); /* plain connections never raise it */
    alarm(100);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_answers_go_out_together, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unread_bytes_come_again_in_one_piece, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_too_much_unread, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_turn_has_a_share, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_slow_reader_fills_and_drains, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_stream_at_the_readers_pace, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_too_much_unsent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_pause_and_resume, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_ended_peer_of_a_paused_one_costs_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_half_close_still_gets_its_answer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_eof_waits_for_a_slow_reader, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_reset, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_close_flushes_then_waits_for_the_peer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_close_does_not_wait_for_ever, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_close_waits_for_a_slow_reader, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_close_after_their_fin, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_close_from_on_data, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_moves_from_on_data, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_new_owner_gets_the_rest, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_detach_from_on_drain, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ends_that_travel, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_one_that_has_ended_tells_its_next_owner, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_free_another_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_peek_leaves_the_rest_in_the_socket, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
