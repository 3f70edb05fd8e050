/*
 * peer.h: one connection of the generator: non-blocking socket, TLS when asked, bytes out at the end of a turn, and
 * whole top-level elements in. It parses no more XML than finding their ends, so that it costs less than what it
 * measures, and it shares no parser with the server that it tests.
 */
#ifndef CONFAB_BENCH_PEER_H
#define CONFAB_BENCH_PEER_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

struct peer {
    int fd;
    uint32_t index;      /* the caller's number */
    uint32_t generation; /* counts connects: a callback may close and connect again */
    SSL *ssl;
    bool handshaken, connected, in_stream, writable_wanted, dirty, closed;
    struct buf in, out;
    struct peer *next_dirty;
    void *user;
    /* Called from peers_turn. frame: one element, or the stream's header. */
    void (*on_open)(struct peer *peer); /* connected, and after a handshake */
    void (*on_frame)(struct peer *peer, struct str frame);
    void (*on_closed)(struct peer *peer);
};

/* Once: the address that all peers connect to, and raw = true when frames are cut after "</message>" only (null relay). */
void peers_init(const char *host, uint16_t port, bool raw);
/* Waits up to timeout_ms, calls back, writes what was queued. False when nothing happened. */
bool peers_turn(int timeout_ms);

void peer_connect(struct peer *peer, bool tls);
void peer_start_tls(struct peer *peer); /* after <proceed/> */
void peer_send(struct peer *peer, struct str bytes);
void peer_printf(struct peer *peer, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The next frame is a stream header again. */
void peer_restart(struct peer *peer);
/* No on_closed. */
void peer_close(struct peer *peer);
/* Writes what is queued, as far as the socket takes it, and closes. */
void peer_finish(struct peer *peer);

/* The length of the first whole frame in s; 0 when it is not whole yet. Exposed for its own sake. */
size_t frame_len(struct str s, bool in_stream);

#endif
