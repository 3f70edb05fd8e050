/*
 * null_relay.c: the practical limit. It moves bytes between pairs of connections and does nothing else: no accounts,
 * no XML, one epoll thread; over TLS by OpenSSL with released buffers, as confabd has it. What confabd costs is told
 * as a multiple of what this costs, measured in the same run on the same machine.
 *
 *     null_relay PORT [CERTIFICATE.pem KEY.pem]
 *
 * A client says "pair N\n" first; the two that say the same N are joined.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHUNK 65536
#define PAIRS_MAX 65536

/* The waiting bytes stand in a block that exists only while a peer does not take them: an idle connection is small. */
struct end {
    int fd;
    bool named, handshaken, writable_wanted;
    SSL *ssl;
    struct end *other;
    char *waiting;
    size_t waiting_len;
};

static int epoll;
static SSL_CTX *tls;
static struct end *first_of_pair[PAIRS_MAX];
static char chunk[CHUNK];

static void watch(struct end *e, bool out) {
    if (e->writable_wanted == out) return;
    e->writable_wanted = out;
    struct epoll_event event = {.events = EPOLLIN | (out ? EPOLLOUT : 0), .data.ptr = e};
    epoll_ctl(epoll, EPOLL_CTL_MOD, e->fd, &event);
}

static void end_close(struct end *e) {
    if (e->other) e->other->other = NULL;
    for (size_t i = 0; i < PAIRS_MAX && !e->other; i++)
        if (first_of_pair[i] == e) first_of_pair[i] = NULL;
    if (e->ssl) SSL_free(e->ssl);
    close(e->fd);
    free(e->waiting);
    free(e);
}

/* Bytes taken, 0 when the socket is full, -1 when it is dead. */
static ssize_t end_write(struct end *e, const char *p, size_t len) {
    if (!e->ssl) {
        ssize_t n = send(e->fd, p, len, MSG_NOSIGNAL);
        return n >= 0 ? n : errno == EAGAIN ? 0 : -1;
    }
    size_t n = 0;
    if (SSL_write_ex(e->ssl, p, len, &n)) return (ssize_t)n;
    int error = SSL_get_error(e->ssl, 0);
    return error == SSL_ERROR_WANT_WRITE || error == SSL_ERROR_WANT_READ ? 0 : -1;
}

static ssize_t end_read(struct end *e, char *p, size_t len) {
    if (!e->ssl) {
        ssize_t n = recv(e->fd, p, len, 0);
        return n > 0 ? n : n < 0 && errno == EAGAIN ? 0 : -1;
    }
    size_t n = 0;
    if (SSL_read_ex(e->ssl, p, len, &n)) return (ssize_t)n;
    int error = SSL_get_error(e->ssl, 0);
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

static void forward(struct end *to, const char *p, size_t len) {
    if (!to) return;
    if (to->waiting_len == 0) {
        ssize_t n = end_write(to, p, len);
        if (n < 0) return;
        p += n;
        len -= (size_t)n;
    }
    if (len == 0) return;
    to->waiting = realloc(to->waiting, to->waiting_len + len);
    if (!to->waiting) abort();
    memcpy(to->waiting + to->waiting_len, p, len);
    to->waiting_len += len;
    watch(to, true);
}

static void flush(struct end *e) {
    ssize_t n = end_write(e, e->waiting, e->waiting_len);
    if (n <= 0) return;
    e->waiting_len -= (size_t)n;
    memmove(e->waiting, e->waiting + n, e->waiting_len);
    if (e->waiting_len > 0) return;
    free(e->waiting);
    e->waiting = NULL;
    watch(e, false);
}

/* "pair N\n" may come with the first bytes of the conversation behind it. How many bytes it took; 0: not whole yet. */
static size_t take_name(struct end *e, const char *p, size_t len) {
    const char *newline = memchr(p, '\n', len);
    size_t pair = newline && len > 5 && memcmp(p, "pair ", 5) == 0 ? strtoul(p + 5, NULL, 10) : PAIRS_MAX;
    if (pair >= PAIRS_MAX) return 0;
    e->named = true;
    if (first_of_pair[pair]) {
        e->other = first_of_pair[pair];
        e->other->other = e;
        first_of_pair[pair] = NULL;
    } else {
        first_of_pair[pair] = e;
    }
    return (size_t)(newline - p) + 1;
}

static void on_readable(struct end *e) {
    if (e->ssl && !e->handshaken) {
        int r = SSL_accept(e->ssl);
        if (r == 1) {
            e->handshaken = true;
        } else {
            int error = SSL_get_error(e->ssl, r);
            if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) end_close(e);
            return;
        }
    }
    /* A full chunk of plain text may have more behind it, and so may a record of TLS. */
    for (;;) {
        ssize_t n = end_read(e, chunk, sizeof chunk);
        if (n < 0) {
            end_close(e);
            return;
        }
        if (n == 0) return;
        size_t from = 0;
        if (!e->named && (from = take_name(e, chunk, (size_t)n)) == 0) {
            end_close(e);
            return;
        }
        if ((size_t)n > from) forward(e->other, chunk + from, (size_t)n - from);
        if (e->ssl ? !SSL_has_pending(e->ssl) : n < CHUNK) return;
    }
}

static void on_accept(int listener) {
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct end *e = calloc(1, sizeof *e);
        if (!e) abort();
        e->fd = fd;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        if (tls) {
            e->ssl = SSL_new(tls);
            SSL_set_fd(e->ssl, fd);
        }
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = e};
        epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    }
}

static int listen_on(uint16_t port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 1024) != 0) {
        perror("null_relay");
        exit(1);
    }
    return fd;
}

int main(int argc, char **argv) {
    if (argc != 2 && argc != 4) {
        fprintf(stderr, "usage: null_relay PORT [CERTIFICATE KEY]\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    if (argc == 4) {
        tls = SSL_CTX_new(TLS_server_method());
        SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
        SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
        if (SSL_CTX_use_certificate_chain_file(tls, argv[2]) != 1 ||
            SSL_CTX_use_PrivateKey_file(tls, argv[3], SSL_FILETYPE_PEM) != 1) {
            ERR_print_errors_fp(stderr);
            return 1;
        }
    }
    epoll = epoll_create1(EPOLL_CLOEXEC);
    int listener = listen_on((uint16_t)atoi(argv[1]));
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    fprintf(stderr, "event=ready\n");
    struct epoll_event events[256];
    for (;;) {
        int n = epoll_wait(epoll, events, 256, -1);
        for (int i = 0; i < n; i++) {
            struct end *e = events[i].data.ptr;
            if (!e) {
                on_accept(listener);
                continue;
            }
            if ((events[i].events & EPOLLOUT) && e->waiting_len > 0) flush(e);
            if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) on_readable(e);
        }
    }
}
