/*
 * listener.c: sockets that accept. A connection that cannot be accepted because descriptors or memory ran out stays in
 * the kernel's queue; level-triggered epoll would then call us without end, so the listener leaves the loop for a
 * second.
 *
 * Thread: its loop's. on_accept may close the listener.
 */
#include "net/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/check.h"
#include "base/err.h"
#include "base/log.h"

#define ACCEPTS_PER_TURN 64
#define BACKLOG 4096 /* the kernel lowers it to net.core.somaxconn */
#define PAUSE_MS 1000

struct listener {
    struct loop_watch watch;
    struct loop_timer pause; /* at rest: listening */
    struct loop *loop;
    void (*on_accept)(void *owner, int fd, const struct net_address *peer);
    void *owner;
    bool accepting, closed; /* closed while accepting: freed behind it */
};

/* --- addresses --- */

struct bind_address {
    struct sockaddr_storage sa;
    socklen_t len;
    bool both_families;
};

static void bind_ipv6(struct bind_address *to, const struct in6_addr *ip, uint16_t port) {
    struct sockaddr_in6 *sa = (struct sockaddr_in6 *)&to->sa;
    *sa = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = *ip};
    to->len = sizeof(*sa);
}

static void bind_ipv4(struct bind_address *to, struct in_addr ip, uint16_t port) {
    struct sockaddr_in *sa = (struct sockaddr_in *)&to->sa;
    *sa = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = ip};
    to->len = sizeof(*sa);
}

static int bind_address_parse(struct str text, struct bind_address *out) {
    size_t colon = text.len;
    while (colon > 0 && text.p[colon - 1] != ':') colon--;
    unsigned long long port;
    if (!str_to_u64(str_from(text, colon), 65535, &port)) return ERR_INVALID;
    struct str host = colon ? str_first(text, colon - 1) : STR("*");

    *out = (struct bind_address){.both_families = str_eq(host, STR("*"))};
    if (out->both_families) {
        bind_ipv6(out, &in6addr_any, (uint16_t)port);
        return 0;
    }
    bool bracketed = host.len > 2 && host.p[0] == '[' && host.p[host.len - 1] == ']';
    if (bracketed) host = str_of(host.p + 1, host.len - 2);
    char ip[INET6_ADDRSTRLEN];
    if (host.len >= sizeof(ip)) return ERR_INVALID;
    memcpy(ip, host.p, host.len);
    ip[host.len] = '\0';
    struct in6_addr ipv6;
    struct in_addr ipv4;
    if (bracketed && inet_pton(AF_INET6, ip, &ipv6) == 1)
        bind_ipv6(out, &ipv6, (uint16_t)port);
    else if (!bracketed && inet_pton(AF_INET, ip, &ipv4) == 1)
        bind_ipv4(out, ipv4, (uint16_t)port);
    else
        return ERR_INVALID;
    return 0;
}

static void net_address_from(const struct sockaddr_storage *sa, struct net_address *out) {
    *out = (struct net_address){0};
    if (sa->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)sa;
        memcpy(out->ip, &in6->sin6_addr, 16);
        out->port = ntohs(in6->sin6_port);
    } else if (sa->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)sa;
        out->ip[10] = out->ip[11] = 0xff;
        memcpy(out->ip + 12, &in->sin_addr, 4);
        out->port = ntohs(in->sin_port);
    }
}

/* --- accepting --- */

static void listener_pause(struct listener *l, int error) {
    LOG(LOG_ERROR, "accept-paused", F_C("reason", strerror(error)), F_INT("pause_ms", PAUSE_MS));
    loop_del(l->loop, &l->watch);
    loop_timer_set(l->loop, &l->pause, loop_now_ms(l->loop) + PAUSE_MS);
}

static void pause_over(struct loop_timer *timer, int64_t now_ms) {
    struct listener *l = CONTAINER_OF(timer, struct listener, pause);
    if (loop_add(l->loop, &l->watch, EPOLLIN)) loop_timer_set(l->loop, timer, now_ms + PAUSE_MS);
}

/* What is wrong with us, not with the connection at the head of the queue. */
static bool error_is_ours(int error) {
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

static bool error_is_empty(int error) {
    return error == EAGAIN || error == EWOULDBLOCK;
}

static void listener_ready(struct loop_watch *watch, uint32_t events) {
    (void)events;
    struct listener *l = CONTAINER_OF(watch, struct listener, watch);
    l->accepting = true;
    for (int i = 0; i < ACCEPTS_PER_TURN && !l->closed; i++) {
        struct sockaddr_storage sa;
        socklen_t sa_len = sizeof(sa);
        int fd = accept4(l->watch.fd, (struct sockaddr *)&sa, &sa_len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            struct net_address peer;
            net_address_from(&sa, &peer);
            l->on_accept(l->owner, fd, &peer);
        } else if (error_is_empty(errno)) {
            break;
        } else if (error_is_ours(errno)) {
            listener_pause(l, errno);
            break;
        } /* else that connection has died in the queue: the next one */
    }
    l->accepting = false;
    if (l->closed) free(l);
}

/* --- opening and closing --- */

static int socket_listen(const struct bind_address *at, bool reuse_port) {
    int fd = socket(at->sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    int on = 1, only_v6 = !at->both_families;
    bool ok = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0;
    if (reuse_port) ok = ok && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0;
    if (at->sa.ss_family == AF_INET6)
        ok = ok && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only_v6, sizeof(only_v6)) == 0;
    if (ok && bind(fd, (const struct sockaddr *)&at->sa, at->len) == 0 && listen(fd, BACKLOG) == 0) return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* Both families by one IPv6 socket; where the kernel has no IPv6, by IPv4 alone. */
static int socket_listen_any(struct bind_address *at, bool reuse_port) {
    int fd = socket_listen(at, reuse_port);
    if (fd >= 0 || !at->both_families || (errno != EAFNOSUPPORT && errno != EADDRNOTAVAIL)) return fd;
    uint16_t port = ntohs(((struct sockaddr_in6 *)&at->sa)->sin6_port);
    bind_ipv4(at, (struct in_addr){htonl(INADDR_ANY)}, port);
    return socket_listen(at, reuse_port);
}

int listener_open(struct loop *loop, struct str address, bool reuse_port,
                  void (*on_accept)(void *owner, int fd, const struct net_address *peer), void *owner,
                  struct arena *arena, struct listener **out, struct str *out_message) {
    struct bind_address at;
    if (bind_address_parse(address, &at)) {
        *out_message = arena_printf(
            arena, "\"%.*s\" is no address to listen on: HOST:PORT with a numeric host is expected", STR_FMT(address));
        return ERR_CONFIG;
    }
    int fd = socket_listen_any(&at, reuse_port);
    if (fd < 0) {
        *out_message = arena_printf(arena, "cannot listen on %.*s: %s", STR_FMT(address), strerror(errno));
        return ERR_IO;
    }
    struct listener *l = calloc(1, sizeof(*l));
    CHECK(l != NULL);
    *l = (struct listener){.watch = {fd, listener_ready},
                           .pause = {.fire = pause_over},
                           .loop = loop,
                           .on_accept = on_accept,
                           .owner = owner};
    if (loop_add(loop, &l->watch, EPOLLIN)) {
        *out_message = arena_printf(arena, "cannot watch %.*s: %s", STR_FMT(address), strerror(errno));
        close(fd);
        free(l);
        return ERR_IO;
    }
    *out = l;
    return 0;
}

void listener_close(struct listener **listener) {
    struct listener *l = *listener;
    if (!l) return;
    *listener = NULL;
    if (l->pause.due_ms == 0) loop_del(l->loop, &l->watch);
    loop_timer_cancel(l->loop, &l->pause);
    close(l->watch.fd);
    l->closed = true;
    if (!l->accepting) free(l);
}

uint16_t listener_port(const struct listener *l) {
    struct sockaddr_storage sa;
    socklen_t len = sizeof(sa);
    CHECK(getsockname(l->watch.fd, (struct sockaddr *)&sa, &len) == 0);
    struct net_address address;
    net_address_from(&sa, &address);
    return address.port;
}
