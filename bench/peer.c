/* peer.c: see peer.h. One thread, level-triggered epoll. */
#include "peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"

#define CHUNK 65536

static int epoll = -1;
static struct sockaddr_in target;
static bool raw_frames;
static SSL_CTX *tls;
static struct peer *dirty_list;

void peers_init(const char *host, uint16_t port, bool raw) {
    epoll = epoll_create1(EPOLL_CLOEXEC);
    target = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
    CHECK(inet_pton(AF_INET, host, &target.sin_addr) == 1);
    raw_frames = raw;
    tls = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_mode(tls,
                     SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_alpn_protos(tls, (const unsigned char *)"\013xmpp-client", 12);
}

static void peer_lost(struct peer *peer) {
    if (peer->closed) return;
    peer_close(peer);
    if (peer->on_closed) peer->on_closed(peer);
}

static void watch(struct peer *peer, bool out) {
    if (peer->writable_wanted == out) return;
    peer->writable_wanted = out;
    struct epoll_event event = {.events = EPOLLIN | (out ? EPOLLOUT : 0), .data.ptr = peer};
    epoll_ctl(epoll, EPOLL_CTL_MOD, peer->fd, &event);
}

void peer_connect(struct peer *peer, bool with_tls) {
    peer->generation++;
    peer->closed = peer->connected = peer->handshaken = peer->in_stream = peer->dirty = false;
    peer->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (peer->fd < 0) {
        perror("socket");
        exit(1);
    }
    setsockopt(peer->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    if (connect(peer->fd, (struct sockaddr *)&target, sizeof target) != 0 && errno != EINPROGRESS) {
        perror("connect");
        exit(1);
    }
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = peer};
    peer->writable_wanted = true;
    epoll_ctl(epoll, EPOLL_CTL_ADD, peer->fd, &event);
    if (with_tls) peer_start_tls(peer);
}

void peer_start_tls(struct peer *peer) {
    peer->ssl = SSL_new(tls);
    SSL_set_fd(peer->ssl, peer->fd);
    SSL_set_connect_state(peer->ssl);
    peer->handshaken = false;
    peer->in_stream = false;
    watch(peer, true); /* the handshake starts in the next turn */
}

void peer_restart(struct peer *peer) {
    peer->in_stream = false;
}

void peer_close(struct peer *peer) {
    if (peer->closed) return;
    peer->closed = true;
    if (peer->dirty) {
        struct peer **at = &dirty_list;
        while (*at != peer) at = &(*at)->next_dirty;
        *at = peer->next_dirty;
        peer->dirty = false;
    }
    if (peer->ssl) SSL_free(peer->ssl);
    peer->ssl = NULL;
    close(peer->fd);
    peer->fd = -1;
    buf_free(&peer->in);
    buf_free(&peer->out);
}

static void mark_dirty(struct peer *peer) {
    if (peer->dirty || peer->closed) return;
    peer->dirty = true;
    peer->next_dirty = dirty_list;
    dirty_list = peer;
}

void peer_send(struct peer *peer, struct str bytes) {
    buf_add_str(&peer->out, bytes);
    mark_dirty(peer);
}

void peer_printf(struct peer *peer, const char *format, ...) {
    char text[4096];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    CHECK(n >= 0 && (size_t)n < sizeof text);
    peer_send(peer, str_of(text, (size_t)n));
}

static void peer_flush(struct peer *peer) {
    while (!peer->closed && buf_len(&peer->out) > 0) {
        struct str s = buf_str(&peer->out);
        size_t n = 0;
        if (peer->ssl) {
            if (!SSL_write_ex(peer->ssl, s.p, s.len, &n)) {
                int error = SSL_get_error(peer->ssl, 0);
                if (error == SSL_ERROR_WANT_WRITE || error == SSL_ERROR_WANT_READ) break;
                peer_lost(peer);
                return;
            }
        } else {
            ssize_t sent = send(peer->fd, s.p, s.len, MSG_NOSIGNAL);
            if (sent < 0 && errno == EAGAIN) break;
            if (sent < 0) {
                peer_lost(peer);
                return;
            }
            n = (size_t)sent;
        }
        buf_consume(&peer->out, n);
    }
    if (peer->closed) return;
    watch(peer, buf_len(&peer->out) > 0);
    if (buf_len(&peer->out) == 0) buf_free(&peer->out);
}

void peer_finish(struct peer *peer) {
    peer->on_closed = NULL;
    peer_flush(peer);
    peer_close(peer);
}

/*
 * Elements inside one another are counted by their tags. A '>' inside an attribute value would confuse it; servers
 * escape it, and a wrong cut shows at once as a missing message.
 */
size_t frame_len(struct str s, bool in_stream) {
    const char *p = s.p, *end = s.p + s.len;
    int depth = 0;
    while (p < end) {
        const char *open = memchr(p, '<', (size_t)(end - p));
        if (!open || open + 1 >= end) return 0;
        const char *close = memchr(open, '>', (size_t)(end - open));
        if (!close) return 0;
        p = close + 1;
        if (open[1] == '?') continue;
        if (!in_stream) return (size_t)(p - s.p); /* the stream's header */
        if (open[1] == '/')
            depth--;
        else if (close[-1] != '/')
            depth++;
        if (depth <= 0) return (size_t)(p - s.p);
    }
    return 0;
}

/* For the null relay: what it forwards is nothing but messages. */
static size_t raw_len(struct str s) {
    const char *end = s.len >= 10 ? memmem(s.p, s.len, "</message>", 10) : NULL;
    return end ? (size_t)(end - s.p) + 10 : 0;
}

/* False when a callback closed the connection, even if it then opened another. */
static bool cut_frames(struct peer *peer, struct str s, size_t *out_used) {
    uint32_t generation = peer->generation;
    size_t used = 0, n;
    while ((n = raw_frames ? raw_len(str_from(s, used)) : frame_len(str_from(s, used), peer->in_stream)) > 0) {
        struct str frame = str_of(s.p + used, n);
        while (frame.len > 0 && frame.p[0] != '<') frame = str_from(frame, 1); /* white space between stanzas */
        used += n;
        peer->in_stream = true; /* unless the callback restarts */
        peer->on_frame(peer, frame);
        if (peer->closed || peer->generation != generation) return false;
    }
    *out_used = used;
    return true;
}

static void peer_read(struct peer *peer) {
    static char chunk[CHUNK];
    for (;;) {
        size_t n = 0;
        if (peer->ssl) {
            if (!SSL_read_ex(peer->ssl, chunk, sizeof chunk, &n)) {
                int error = SSL_get_error(peer->ssl, 0);
                if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) peer_lost(peer);
                return;
            }
        } else {
            ssize_t got = recv(peer->fd, chunk, sizeof chunk, 0);
            if (got < 0 && errno == EAGAIN) return;
            if (got <= 0) {
                peer_lost(peer);
                return;
            }
            n = (size_t)got;
        }
        size_t used;
        if (buf_len(&peer->in) == 0) {
            if (!cut_frames(peer, str_of(chunk, n), &used)) return;
            if (used < n) buf_add(&peer->in, chunk + used, n - used);
        } else {
            buf_add(&peer->in, chunk, n);
            if (!cut_frames(peer, buf_str(&peer->in), &used)) return;
            buf_consume(&peer->in, used);
            if (buf_len(&peer->in) == 0) buf_free(&peer->in);
        }
        if (peer->ssl ? !SSL_has_pending(peer->ssl) : n < sizeof chunk) return;
    }
}

static bool handshake(struct peer *peer) {
    int r = SSL_do_handshake(peer->ssl);
    if (r == 1) {
        peer->handshaken = true;
        watch(peer, false);
        peer->on_open(peer);
        return !peer->closed;
    }
    int error = SSL_get_error(peer->ssl, r);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
        watch(peer, error == SSL_ERROR_WANT_WRITE);
    else
        peer_lost(peer);
    return false;
}

static void on_event(struct peer *peer, uint32_t events) {
    if (!peer->connected) {
        if (!(events & (EPOLLOUT | EPOLLERR | EPOLLHUP))) return;
        int error = 0;
        getsockopt(peer->fd, SOL_SOCKET, SO_ERROR, &error, &(socklen_t){sizeof error});
        if (error) {
            peer_lost(peer);
            return;
        }
        peer->connected = true;
        if (!peer->ssl) {
            watch(peer, false);
            peer->on_open(peer);
            return;
        }
    }
    if (peer->ssl && !peer->handshaken) {
        if (!handshake(peer)) return;
    }
    uint32_t generation = peer->generation;
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) peer_read(peer);
    if (!peer->closed && peer->generation == generation && (events & EPOLLOUT)) mark_dirty(peer);
}

bool peers_turn(int timeout_ms) {
    struct epoll_event events[512];
    int n = epoll_wait(epoll, events, 512, dirty_list ? 0 : timeout_ms);
    for (int i = 0; i < n; i++) {
        struct peer *peer = events[i].data.ptr;
        /* A peer may have been closed, even opened anew, by another's event: a stale event does no harm then. */
        if (!peer->closed) on_event(peer, events[i].events);
    }
    bool wrote = dirty_list != NULL;
    while (dirty_list) {
        struct peer *peer = dirty_list;
        dirty_list = peer->next_dirty;
        peer->dirty = false;
        peer_flush(peer);
    }
    return n > 0 || wrote;
}
