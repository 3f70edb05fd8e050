/*
 * conn.h: one byte stream: a socket, TLS or not, what waits to be written, and bytes read but not yet consumed. It
 * belongs to the thread of its loop and can be handed, once or more, to another one (conn_detach, conn_attach) by
 * whoever owns it; nothing of it runs meanwhile. An idle connection holds no buffers.
 *
 * Writing never blocks and never fails visibly: bytes are queued and sent together at the end of the turn. A failure of
 * the socket comes as on_closed, once, and is the last call. Nothing is freed but by conn_free.
 */
#ifndef CONFAB_NET_CONN_H
#define CONFAB_NET_CONN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <netinet/in.h>

#include "base/str.h"
#include "net/loop.h"
#include "net/tls.h"

struct conn;

/* Who the other side is, as seen by the socket or as told by a trusted proxy. */
struct net_address {
    uint8_t ip[16]; /* IPv4 is mapped (::ffff:a.b.c.d) */
    uint16_t port;
    bool proxied; /* told by a proxy: counts as loopback for nothing, no channel binding */
};
bool net_address_is_loopback(const struct net_address *a);
/* "127.0.0.1" or "2001:db8::1"; NUL-terminated. */
void net_address_text(const struct net_address *a, char out[46]);

struct conn_ops {
    /*
     * Bytes to look at: the unread ones from before and the new ones, in one piece. Returns how many are consumed; the
     * rest is kept and comes again with the next (conn limits it to unread_max: more is on_closed with ERR_LIMIT). May
     * close, pause, detach or write to the conn; not free it. After conn_detach/conn_close the rest is kept, and not
     * called again. (The rest is put aside after the return: who hands the conn to another thread from in here uses
     * conn_detach_at.)
     */
    size_t (*on_data)(struct conn *conn, struct str bytes);
    /* What waited has gone out below the low mark (a quarter of out_high) after having been above out_high, or to zero
     * after conn_ask_drain. */
    void (*on_drain)(struct conn *conn);
    /* TLS is up (conn_start_tls). */
    void (*on_secure)(struct conn *conn);
    /* The other side or the socket ended it; err: ERR_CLOSED (orderly EOF), ERR_IO, ERR_TLS, ERR_LIMIT (output above
     * out_max or unread above unread_max), ERR_INVALID (plain bytes behind a STARTTLS). After an EOF what is queued is
     * still sent, for half a minute at most, before this is called. It comes from the end of a turn or a timer, never
     * from within another call, and may conn_free the conn (no other callback may). Not called after conn_close by
     * ourselves, but for on_closed(0) when conn_close has flushed. */
    void (*on_closed)(struct conn *conn, int err);
};

struct conn_limits {
    uint32_t unread_max; /* bytes kept unconsumed */
    uint32_t out_high;   /* above this conn_is_full is true until drained */
    uint32_t out_max;    /* above this the conn is broken with ERR_LIMIT */
    uint32_t turn_max;   /* bytes read from it in one turn of the loop (fairness) */
    void (*on_free)(void *arg, const struct net_address *peer); /* from conn_free, on its thread; NULL: nothing */
    void *arg;
};

/* Takes the fd (non-blocking, TCP_NODELAY set here). Not yet on a loop. `owner` is the caller's, see conn_owner. limits
 * must outlive it. */
struct conn *conn_new(int fd, const struct net_address *peer, const struct conn_limits *limits);
/* Other limits from now on (a connection that has signed in). */
void conn_set_limits(struct conn *conn, const struct conn_limits *limits);
void conn_free(struct conn **conn); /* closes the fd at once; idempotent on NULL */

/* On to a loop, with these callbacks; not paused. Unread bytes are offered at once (in the next turn), so none is lost
 * on the way. One that has ended tells its new owner, too. */
void conn_attach(struct conn *conn, struct loop *loop, const struct conn_ops *ops, void *owner);
/* Off its loop. Pending output moves along and is sent by the next loop. */
void conn_detach(struct conn *conn);
/* Inside on_data: the first `consumed` bytes are done, the rest is kept now, and what on_data returns does not count:
 * the conn may go to another thread at once. The offered bytes are no longer valid. */
void conn_detach_at(struct conn *conn, size_t consumed);
void *conn_owner(const struct conn *conn);
/* Other callbacks and owner on the same loop (a protocol upgrade). */
void conn_set_owner(struct conn *conn, const struct conn_ops *ops, void *owner);

/* Server-side TLS from here on (after what was queued has been sent; unread plain bytes must be none: else ERR_INVALID,
 * the STARTTLS injection). on_secure comes when it is up, on_closed when it fails. */
int conn_start_tls(struct conn *conn, struct tls_context *ctx);
/* Leaves unconsumed bytes in the socket instead of keeping them, so that TLS may follow in the same packet: for a PROXY
 * header. Plain connections only, before anything is unread. */
void conn_peek(struct conn *conn, bool on);
const struct tls *conn_tls(const struct conn *conn); /* NULL: plain */
const struct net_address *conn_peer(const struct conn *conn);
/* A trusted proxy has told who it is. */
void conn_set_peer(struct conn *conn, const struct net_address *peer);

void conn_write(struct conn *conn, struct str bytes);
/* Two pieces as one (a frame header and its content). */
void conn_write2(struct conn *conn, struct str a, struct str b);
/* For much at once, from on_drain: what the kernel takes now is not copied; the rest is queued, as is all when something waits already. */
void conn_write_now(struct conn *conn, struct str bytes);
/* Bytes queued and not yet taken by the kernel. */
size_t conn_out_len(const struct conn *conn);
bool conn_is_full(const struct conn *conn);
/* Nothing is queued here, and the peer's system has acknowledged all that the kernel took. */
bool conn_is_delivered(const struct conn *conn);
/* on_drain when everything queued so far has gone out (once). */
void conn_ask_drain(struct conn *conn);

/* Stop and go on reading. Unread bytes are offered again on resume. */
void conn_pause(struct conn *conn);
void conn_resume(struct conn *conn);
/* Sends what is queued, then TLS close_notify and FIN, waits for the peer's for at most linger_ms, then on_closed(0); as long as it
 * takes what is queued that time begins anew, some times.
 * Reads nothing more. */
void conn_close(struct conn *conn, int64_t linger_ms);

/* Milliseconds (loop clock) when bytes were last received. */
int64_t conn_heard_ms(const struct conn *conn);
/* Totals for rates and statistics. */
uint64_t conn_bytes_in(const struct conn *conn);
uint64_t conn_bytes_out(const struct conn *conn);

#endif
