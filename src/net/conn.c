/*
 * conn.c: one byte stream, plain or TLS, on a loop.
 *
 * Reading happens when epoll says so, into one scratch buffer per thread; what the owner does not consume is copied to
 * the connection's own buffer, which is there only while it holds something. Writing appends to a buffer that is sent
 * once, at the end of the turn; EPOLLOUT is asked for only after the kernel has refused bytes. Everything else
 * (offering unread bytes after a move or a pause, starting TLS, closing, failing) is a flag that conn_work looks at, at
 * the end of the turn in which it was set: so an owner is never called from inside one of its own calls, and one place
 * decides what is next.
 *
 * A descriptor nobody reads and that has nothing to send is not in epoll at all: epoll would report its HUP for ever.
 *
 * Callbacks may do anything with the connection but free it, so after each one nothing may be touched before it is
 * known that the connection is still ours: `here` is what this thread is calling, and conn_detach clears it.
 *
 * Thread: the loop's; between conn_detach and conn_attach, whoever owns it. An idle connection is this struct, nothing
 * else.
 */
#include "net/conn.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/err.h"

#define SCRATCH_LEN 65536
#define FLUSH_LEN 65536       /* sent in one turn: the kernel may do the receiver's work in our time */
#define RECORD_LEN 16384      /* a TLS record: smaller reads would leave plain text inside OpenSSL */
#define USER_TIMEOUT_MS 60000 /* sent and not acknowledged for so long: the peer is gone */
#define LINGERS_MAX 14        /* as often a closed connection gets its time anew while it takes what is queued */
#define EOF_FLUSH_MS 30000    /* for what is queued when the peer has sent its FIN */

enum phase {
    PHASE_OPEN,
    PHASE_EOF,       /* the peer has ended its side; what is queued still goes out */
    PHASE_CLOSING,   /* we have been told to close; what is queued still goes out */
    PHASE_LINGERING, /* our FIN is out; the peer's is awaited */
    PHASE_ENDED,     /* on_closed was called */
};

enum secrecy {
    SECRECY_NONE,
    SECRECY_QUEUED, /* TLS begins behind the first plain_left bytes of `out` */
    SECRECY_HANDSHAKE,
    SECRECY_UP,
};

/* The time that a connection has for its end; allocated only then. */
struct conn_end {
    struct loop_timer timer;
    struct conn *conn;
    int64_t due_ms;
    int64_t linger_ms;  /* of conn_close; 0: no more time is given */
    uint64_t bytes_out; /* when that time began */
    uint8_t again;      /* so often */
};

struct conn {
    /* First what each message touches: a missing line of the cache costs a hundred instructions. */
    struct loop_watch watch;
    struct loop *loop; /* NULL: on none */
    const struct conn_ops *ops;
    void *owner;
    uint32_t events; /* asked of epoll; 0: not in it */
    int8_t err;      /* why it must end; 0: it need not */
    uint8_t phase, secrecy;
    bool paused : 1;
    bool peeking : 1;
    bool offer : 1;      /* unread bytes are to be offered without new ones */
    bool blocked : 1;    /* the kernel took no more: EPOLLOUT */
    bool tls_writes : 1; /* the handshake waits for EPOLLOUT */
    bool full : 1;       /* above out_high, not yet drained */
    bool drain_asked : 1;
    bool peer_ended : 1;
    struct tls *tls;
    const struct conn_limits *limits;
    struct loop_deferred work;
    struct buf in, out; /* unread; unsent */
    int64_t heard_ms;
    uint64_t bytes_in, bytes_out;
    struct conn_end *end;
    struct net_address peer;
    uint32_t plain_left;
};
_Static_assert(sizeof(struct conn) <= 200, "an idle connection is small");

/* What this thread calls at the moment, and the bytes that it offers. */
static _Thread_local struct {
    struct conn *conn;
    struct str offered;
    bool in_scratch, peeked;
    char scratch[SCRATCH_LEN];
} here;

static void conn_ready(struct loop_watch *watch, uint32_t events);
static void conn_work(struct loop_deferred *deferred);

/* --- life --- */

struct conn *conn_new(int fd, const struct net_address *peer, const struct conn_limits *limits) {
    struct conn *conn = calloc(1, sizeof(*conn));
    CHECK(conn != NULL);
    conn->watch = (struct loop_watch){fd, conn_ready};
    conn->work.run = conn_work;
    conn->peer = *peer;
    conn->limits = limits;
    int on = 1, timeout_ms = USER_TIMEOUT_MS;
    /* A socket that is not TCP (a relay's, a test's) refuses both, which does no harm. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof(timeout_ms));
    return conn;
}

void conn_free(struct conn **slot) {
    struct conn *conn = *slot;
    if (!conn) return;
    CHECK(here.conn != conn);
    *slot = NULL;
    if (conn->loop) conn_detach(conn);
    tls_free(&conn->tls);
    close(conn->watch.fd);
    buf_free(&conn->in);
    buf_free(&conn->out);
    free(conn->end);
    if (conn->limits->on_free) conn->limits->on_free(conn->limits->arg, &conn->peer);
    free(conn);
}

void conn_set_peer(struct conn *conn, const struct net_address *peer) {
    conn->peer = *peer;
}

void conn_set_limits(struct conn *conn, const struct conn_limits *limits) {
    conn->limits = limits;
}

/* --- what is next --- */

static void conn_schedule(struct conn *conn) {
    if (conn->loop && conn->phase != PHASE_ENDED) loop_defer(conn->loop, &conn->work);
}

static void conn_fail(struct conn *conn, int err) {
    if (conn->err || conn->phase == PHASE_ENDED) return;
    conn->err = (int8_t)err;
    conn_schedule(conn);
}

static bool conn_can_read(const struct conn *conn) {
    return conn->loop && conn->phase == PHASE_OPEN && !conn->paused && !conn->err &&
           (conn->secrecy == SECRECY_NONE || conn->secrecy == SECRECY_UP);
}

static uint32_t conn_wanted_events(const struct conn *conn) {
    if (conn->phase == PHASE_ENDED || conn->err) return 0;
    if (conn->phase == PHASE_LINGERING) return EPOLLIN | EPOLLRDHUP;
    if (conn->secrecy == SECRECY_HANDSHAKE) return conn->tls_writes ? EPOLLOUT : EPOLLIN;
    return (conn_can_read(conn) ? EPOLLIN | EPOLLRDHUP : 0u) | (conn->blocked ? (uint32_t)EPOLLOUT : 0u);
}

static void conn_watch(struct conn *conn) {
    uint32_t events = conn_wanted_events(conn);
    if (events == conn->events) return;
    if (events == 0)
        loop_del(conn->loop, &conn->watch);
    else if (conn->events != 0)
        loop_mod(conn->loop, &conn->watch, events);
    else if (loop_add(conn->loop, &conn->watch, events)) {
        conn_fail(conn, ERR_IO);
        return;
    }
    conn->events = events;
}

static void end_timer_fire(struct loop_timer *timer, int64_t now_ms);

static void end_timer_start(struct conn *conn, int64_t within_ms) {
    if (!conn->end) conn->end = calloc(1, sizeof(*conn->end));
    CHECK(conn->end != NULL);
    if (conn->loop) loop_timer_cancel(conn->loop, &conn->end->timer);
    *conn->end = (struct conn_end){.timer.fire = end_timer_fire, .conn = conn};
    int64_t now_ms = conn->loop ? loop_now_ms(conn->loop) : conn->heard_ms;
    conn->end->due_ms = within_ms > 0 ? now_ms + within_ms : 1; /* as soon as timers run */
    if (conn->loop) loop_timer_set(conn->loop, &conn->end->timer, conn->end->due_ms);
}

/* The last thing that happens to a connection; it may be freed in here. */
static void conn_finish(struct conn *conn) {
    int err = conn->phase >= PHASE_CLOSING ? 0 : conn->err ? conn->err : ERR_CLOSED;
    conn->phase = PHASE_ENDED;
    conn_watch(conn);
    loop_undefer(conn->loop, &conn->work);
    if (conn->end) loop_timer_cancel(conn->loop, &conn->end->timer);
    buf_free(&conn->in);
    buf_free(&conn->out);
    conn->ops->on_closed(conn, err);
}

/* Calls on_drain or on_secure. False: the connection has left this loop and must not be touched. */
static bool conn_tell(struct conn *conn, void (*callback)(struct conn *)) {
    CHECK(here.conn == NULL);
    here.conn = conn;
    here.offered = STR_NONE;
    callback(conn);
    bool stays = here.conn == conn;
    here.conn = NULL;
    return stays;
}

/* --- reading --- */

/* What was consumed leaves the socket, the rest stays there; epoll reports it again only with more behind it. */
static void conn_keep_in_socket(struct conn *conn, size_t consumed, size_t rest_len) {
    conn->bytes_in += consumed;
    while (consumed > 0) {
        ssize_t n = recv(conn->watch.fd, here.scratch, consumed, 0);
        if (n <= 0) { /* a reset has come in between */
            conn_fail(conn, ERR_IO);
            return;
        }
        consumed -= (size_t)n;
    }
    int lowat = conn->peeking ? (int)rest_len + 1 : 1;
    (void)setsockopt(conn->watch.fd, SOL_SOCKET, SO_RCVLOWAT, &lowat, sizeof(lowat));
    if (conn->peeking && rest_len > conn->limits->unread_max) conn_fail(conn, ERR_LIMIT);
}

/* Puts the rest of what was offered aside. */
static void conn_keep(struct conn *conn, size_t consumed) {
    CHECK(consumed <= here.offered.len);
    struct str rest = str_from(here.offered, consumed);
    if (here.peeked) {
        conn_keep_in_socket(conn, consumed, rest.len);
        return;
    }
    if (here.in_scratch)
        buf_add_str(&conn->in, rest);
    else
        buf_consume(&conn->in, consumed);
    if (buf_len(&conn->in) == 0) buf_free(&conn->in);
    if (rest.len > conn->limits->unread_max) conn_fail(conn, ERR_LIMIT);
}

/* Offers what is unread and, behind it, fresh_len bytes of the scratch buffer. False: do not touch it any more. */
static bool conn_offer(struct conn *conn, size_t fresh_len) {
    CHECK(here.conn == NULL);
    here.in_scratch = buf_len(&conn->in) == 0;
    if (!here.in_scratch) buf_add(&conn->in, here.scratch, fresh_len);
    here.offered = here.in_scratch ? str_of(here.scratch, fresh_len) : buf_str(&conn->in);
    here.peeked = conn->peeking;
    here.conn = conn;
    struct loop *loop = conn->loop;
    const struct conn_ops *ops = conn->ops;
    const void *owner = conn->owner;
    uint8_t secrecy = conn->secrecy;

    size_t consumed = ops->on_data(conn, here.offered);
    if (here.conn != conn) return false;
    conn_keep(conn, consumed);
    here.conn = NULL;
    if (buf_len(&conn->in)) {
        if (secrecy == SECRECY_NONE && conn->secrecy != SECRECY_NONE) conn_fail(conn, ERR_INVALID);
        if (conn->ops != ops || conn->owner != owner) conn->offer = true, conn_schedule(conn);
    }
    return conn->loop == loop;
}

/* 0, ERR_AGAIN, ERR_CLOSED, ERR_IO or ERR_TLS. */
static int conn_receive(struct conn *conn, size_t len, size_t *out_len) {
    if (conn->tls) {
        switch (tls_read(conn->tls, here.scratch, len, out_len)) {
        case TLS_DONE:
            return 0;
        case TLS_WANT_READ:
            return ERR_AGAIN;
        case TLS_WANT_WRITE:
            conn->blocked = true;
            return ERR_AGAIN; /* an answer to a KeyUpdate */
        case TLS_CLOSED:
            return ERR_CLOSED;
        default:
            return ERR_TLS;
        }
    }
    ssize_t n = recv(conn->watch.fd, here.scratch, len, conn->peeking ? MSG_PEEK : 0);
    if (n < 0) return errno == EAGAIN || errno == EINTR ? ERR_AGAIN : ERR_IO;
    *out_len = (size_t)n;
    return n > 0 ? 0 : ERR_CLOSED;
}

/* The peer has ended its side. What is queued gets its chance before on_closed. */
static void conn_set_eof(struct conn *conn) {
    conn->phase = PHASE_EOF;
    conn->peer_ended = true;
    end_timer_start(conn, EOF_FLUSH_MS);
    conn_schedule(conn);
}

/* How much to read at once: what is left of the turn, but never less than a record from TLS. */
static size_t conn_read_len(const struct conn *conn, size_t got) {
    size_t left = conn->limits->turn_max - got, least = conn->tls ? RECORD_LEN : 1;
    return left < least ? least : left < SCRATCH_LEN ? left : SCRATCH_LEN;
}

/* Until the socket is empty or the turn's share is used up. `hung_up`: an end is known to be behind the data. */
static bool conn_read(struct conn *conn, bool hung_up) {
    for (size_t got = 0; got < conn->limits->turn_max && conn_can_read(conn);) {
        size_t len = conn_read_len(conn, got), n = 0;
        int err = conn_receive(conn, len, &n);
        if (err == ERR_AGAIN) break;
        if (err == ERR_CLOSED) conn_set_eof(conn);
        if (err < 0 && err != ERR_CLOSED) conn_fail(conn, err);
        if (err) break;

        bool peeked = conn->peeking;
        got += n;
        conn->heard_ms = loop_now_ms(conn->loop);
        if (!peeked) conn->bytes_in += n;
        if (!conn_offer(conn, n)) return false;
        if (peeked && conn->peeking) { /* what is left was seen already; if more can not come it never will be enough */
            if (hung_up && conn->phase == PHASE_OPEN) conn_set_eof(conn);
            break;
        }
        if (!conn->tls && n < len && !hung_up && !peeked) break; /* saves the call that finds nothing */
    }
    return true;
}

/* --- TLS --- */

static bool conn_handshake(struct conn *conn) {
    conn->heard_ms = loop_now_ms(conn->loop);
    switch (tls_handshake(conn->tls)) {
    case TLS_WANT_READ:
        conn->tls_writes = false;
        return true;
    case TLS_WANT_WRITE:
        conn->tls_writes = true;
        return true;
    case TLS_CLOSED:
        conn_fail(conn, ERR_CLOSED);
        return true;
    case TLS_FAILED:
        conn_fail(conn, ERR_TLS);
        return true;
    case TLS_DONE:
        break;
    }
    conn->secrecy = SECRECY_UP;
    conn->offer = true; /* plain text may have come along */
    conn_schedule(conn);
    return conn_tell(conn, conn->ops->on_secure);
}

int conn_start_tls(struct conn *conn, struct tls_context *ctx) {
    bool offering =
        here.conn == conn && here.offered.p != NULL; /* then what is left is known, and looked at, afterwards */
    if (conn->tls || (!offering && buf_len(&conn->in) != 0)) return ERR_INVALID;
    conn->tls = tls_new(ctx, conn->watch.fd);
    conn->plain_left = (uint32_t)buf_len(&conn->out);
    conn->secrecy = conn->plain_left ? SECRECY_QUEUED : SECRECY_HANDSHAKE;
    conn_schedule(conn);
    return 0;
}

const struct tls *conn_tls(const struct conn *conn) {
    return conn->tls;
}

/* --- writing --- */

/* 0, ERR_AGAIN, ERR_IO or ERR_TLS. */
static int conn_send(struct conn *conn, struct str bytes, size_t *out_len) {
    if (conn->secrecy == SECRECY_UP) {
        switch (tls_write(conn->tls, bytes.p, bytes.len, out_len)) {
        case TLS_DONE:
            return 0;
        case TLS_WANT_WRITE:
            return ERR_AGAIN;
        default:
            return ERR_TLS;
        }
    }
    if (conn->secrecy == SECRECY_QUEUED) bytes = str_first(bytes, conn->plain_left);
    ssize_t n = send(conn->watch.fd, bytes.p, bytes.len, MSG_NOSIGNAL);
    if (n < 0) return errno == EAGAIN || errno == EINTR || errno == ENOBUFS ? ERR_AGAIN : ERR_IO;
    if (conn->secrecy == SECRECY_QUEUED) conn->plain_left -= (uint32_t)n;
    *out_len = (size_t)n;
    return 0;
}

/* At most so much; the rest in the next turn. */
static void conn_flush(struct conn *conn, size_t most) {
    while (most && buf_len(&conn->out) && !conn->blocked && !conn->err && conn->secrecy != SECRECY_HANDSHAKE) {
        size_t n = 0;
        int err = conn_send(conn, str_first(buf_str(&conn->out), most), &n);
        if (err == ERR_AGAIN) conn->blocked = true;
        if (err && err != ERR_AGAIN) conn_fail(conn, err);
        if (err) return;
        conn->bytes_out += n;
        buf_consume(&conn->out, n);
        most -= n;
        if (conn->secrecy == SECRECY_QUEUED && conn->plain_left == 0) conn->secrecy = SECRECY_HANDSHAKE;
    }
    if (buf_len(&conn->out) == 0) buf_free(&conn->out);
    if (most == 0 && buf_len(&conn->out)) conn_schedule(conn);
}

/* on_drain if it is time for it. False: do not touch it any more. */
static bool conn_tell_drained(struct conn *conn) {
    size_t len = buf_len(&conn->out);
    bool low = conn->full && len <= conn->limits->out_high / 4, asked = conn->drain_asked && len == 0;
    if ((!low && !asked) || conn->err || conn->phase > PHASE_EOF) return true;
    conn->full = conn->full && !low;
    if (asked) conn->drain_asked = false;
    return conn_tell(conn, conn->ops->on_drain);
}

void conn_write(struct conn *conn, struct str bytes) {
    conn_write2(conn, bytes, STR_NONE);
}

void conn_write2(struct conn *conn, struct str a, struct str b) {
    if (conn->err || conn->phase >= PHASE_CLOSING) return;
    size_t len = buf_len(&conn->out) + a.len + b.len;
    if (len > conn->limits->out_max) {
        conn_fail(conn, ERR_LIMIT);
        return;
    }
    buf_add_str(&conn->out, a);
    buf_add_str(&conn->out, b);
    if (len > conn->limits->out_high) conn->full = true;
    if (!conn->blocked && a.len + b.len) conn_schedule(conn);
}

void conn_write_now(struct conn *conn, struct str bytes) {
    bool may = conn->loop && !conn->err && conn->phase < PHASE_CLOSING && buf_len(&conn->out) == 0 &&
               (conn->secrecy == SECRECY_NONE || conn->secrecy == SECRECY_UP);
    for (size_t left = FLUSH_LEN; may && left && bytes.len && !conn->blocked && !conn->err;) {
        size_t n = 0;
        int err = conn_send(conn, str_first(bytes, left), &n);
        if (err == ERR_AGAIN) conn->blocked = true, conn_schedule(conn); /* EPOLLOUT is asked for there */
        if (err && err != ERR_AGAIN) conn_fail(conn, err);
        conn->bytes_out += n;
        left -= n;
        bytes = str_from(bytes, n);
    }
    conn_write(conn, bytes);
}

size_t conn_out_len(const struct conn *conn) {
    return buf_len(&conn->out);
}

bool conn_is_delivered(const struct conn *conn) {
    int unsent = 0;
    return buf_len(&conn->out) == 0 && ioctl(conn->watch.fd, TIOCOUTQ, &unsent) == 0 && unsent == 0;
}

bool conn_is_full(const struct conn *conn) {
    return conn->full;
}

void conn_ask_drain(struct conn *conn) {
    conn->drain_asked = true;
    conn_schedule(conn);
}

/* --- closing --- */

void conn_close(struct conn *conn, int64_t linger_ms) {
    if (conn->phase >= PHASE_CLOSING) return;
    conn->phase = PHASE_CLOSING;
    end_timer_start(conn, linger_ms);
    conn->end->linger_ms = linger_ms;
    conn->end->bytes_out = conn->bytes_out;
    /* What stands behind the start of TLS cannot be sent without waiting for the peer. */
    if (conn->secrecy == SECRECY_HANDSHAKE) buf_free(&conn->out);
    if (conn->secrecy == SECRECY_QUEUED) buf_cut(&conn->out, conn->plain_left);
    conn_schedule(conn);
}

/* All is out: our end of the stream, and then the peer's. */
static void conn_send_end(struct conn *conn) {
    if (conn->tls) tls_shutdown(conn->tls);
    (void)shutdown(conn->watch.fd, SHUT_WR);
    conn->phase = PHASE_LINGERING;
}

/* A slow reader that reads gets the end of what it was told, the reason why it is sent away last; one that does not has had its time. */
static bool conn_linger_on(struct conn *conn, int64_t now_ms) {
    struct conn_end *end = conn->end;
    if (conn->err || buf_len(&conn->out) == 0 || conn->bytes_out == end->bytes_out) return false;
    if (end->linger_ms <= 0 || end->again == LINGERS_MAX) return false;
    end->again++;
    end->bytes_out = conn->bytes_out;
    end->due_ms = now_ms + end->linger_ms;
    loop_timer_set(conn->loop, &end->timer, end->due_ms);
    conn_schedule(conn);
    return true;
}

/* Time is up. Without any time to linger this comes before the end of the turn: what the kernel takes at once still
 * goes out. */
static void end_timer_fire(struct loop_timer *timer, int64_t now_ms) {
    struct conn *conn = CONTAINER_OF(timer, struct conn_end, timer)->conn;
    conn_flush(conn, conn->limits->out_max);
    if (conn->phase == PHASE_CLOSING && conn_linger_on(conn, now_ms)) return;
    if (conn->phase == PHASE_CLOSING && buf_len(&conn->out) == 0 && !conn->err) conn_send_end(conn);
    conn_finish(conn);
}

/* Takes what comes and throws it away: a socket closed with unread bytes would send RST and destroy what is under way
 * to the peer. */
static void conn_discard(struct conn *conn) {
    for (size_t got = 0; got < conn->limits->turn_max;) {
        ssize_t n = recv(conn->watch.fd, here.scratch, SCRATCH_LEN, 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (n <= 0) {
            conn_fail(conn, ERR_CLOSED);
            return;
        }
        got += (size_t)n;
    }
}

/* --- the two entries --- */

static void conn_ready(struct loop_watch *watch, uint32_t events) {
    struct conn *conn = CONTAINER_OF(watch, struct conn, watch);
    if (conn->phase == PHASE_LINGERING) {
        conn_discard(conn);
        return;
    }
    if (conn->secrecy == SECRECY_HANDSHAKE) {
        if (conn->phase == PHASE_OPEN && !conn_handshake(conn)) return;
        conn_schedule(conn);
        return;
    }
    if (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) {
        conn->blocked = false;
        conn_schedule(conn);
    }
    if (events & ~(uint32_t)EPOLLOUT) (void)conn_read(conn, (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0);
}

/* Unread bytes to an owner that has come or come back. False: do not touch it any more. */
static bool conn_offer_unread(struct conn *conn) {
    if (!conn->offer || !conn_can_read(conn)) return true;
    conn->offer = false;
    if (buf_len(&conn->in) && !conn_offer(conn, 0)) return false;
    if (conn->tls && conn_can_read(conn) && tls_pending(conn->tls)) return conn_read(conn, false);
    return true;
}

/* The end of a turn in which something happened to the connection. */
static void conn_work(struct loop_deferred *deferred) {
    struct conn *conn = CONTAINER_OF(deferred, struct conn, work);
    if (!conn->err && !conn_offer_unread(conn)) return;
    bool handshaking = conn->secrecy == SECRECY_HANDSHAKE;
    conn_flush(conn, FLUSH_LEN);
    if (!handshaking && conn->secrecy == SECRECY_HANDSHAKE && conn->phase == PHASE_OPEN && !conn_handshake(conn))
        return;
    if (!conn_tell_drained(conn)) return;

    bool all_out = buf_len(&conn->out) == 0;
    if (conn->phase == PHASE_CLOSING && all_out && !conn->err) conn_send_end(conn);
    bool over = conn->phase == PHASE_LINGERING ? conn->peer_ended : conn->phase == PHASE_EOF && all_out;
    if (conn->err || over)
        conn_finish(conn);
    else
        conn_watch(conn);
}

/* --- moving --- */

void conn_attach(struct conn *conn, struct loop *loop, const struct conn_ops *ops, void *owner) {
    CHECK(!conn->loop);
    if (conn->phase == PHASE_ENDED) { /* on its way between two owners: the new one is told, too */
        conn->phase = PHASE_EOF;
        if (!conn->err) conn->err = ERR_CLOSED;
    }
    conn->loop = loop;
    conn->ops = ops;
    conn->owner = owner;
    conn->paused = false;
    conn->offer = true;
    if (conn->heard_ms == 0) conn->heard_ms = loop_now_ms(loop);
    if (conn->end) loop_timer_set(loop, &conn->end->timer, conn->end->due_ms);
    conn_schedule(conn);
}

void conn_detach(struct conn *conn) {
    if (!conn->loop) return;
    if (conn->events) loop_del(conn->loop, &conn->watch);
    loop_undefer(conn->loop, &conn->work);
    if (conn->end) loop_timer_cancel(conn->loop, &conn->end->timer);
    conn->loop = NULL;
    conn->events = 0;
    conn->blocked = false;
    if (here.conn == conn && here.offered.p == NULL) here.conn = NULL;
}

void conn_detach_at(struct conn *conn, size_t consumed) {
    CHECK(here.conn == conn && here.offered.p != NULL);
    conn_keep(conn, consumed);
    conn_detach(conn);
    here.conn = NULL;
}

void conn_set_owner(struct conn *conn, const struct conn_ops *ops, void *owner) {
    conn->ops = ops;
    conn->owner = owner;
    if (buf_len(&conn->in) == 0) return;
    conn->offer = true;
    conn_schedule(conn);
}

void conn_pause(struct conn *conn) {
    if (conn->paused) return;
    conn->paused = true;
    conn_schedule(conn);
}

void conn_resume(struct conn *conn) {
    if (!conn->paused) return;
    conn->paused = false;
    conn->offer = true;
    conn_schedule(conn);
}

void conn_peek(struct conn *conn, bool on) {
    CHECK(!on || (!conn->tls && buf_len(&conn->in) == 0));
    conn->peeking = on;
}

/* --- facts --- */

void *conn_owner(const struct conn *conn) {
    return conn->owner;
}

const struct net_address *conn_peer(const struct conn *conn) {
    return &conn->peer;
}

int64_t conn_heard_ms(const struct conn *conn) {
    return conn->heard_ms;
}

uint64_t conn_bytes_in(const struct conn *conn) {
    return conn->bytes_in;
}

uint64_t conn_bytes_out(const struct conn *conn) {
    return conn->bytes_out;
}
