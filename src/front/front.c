/* front.c: the certificate, the limits of connections and the built app, made once at start; SIGHUP swaps the certificate. */
#include "front/front.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/err.h"
#include "base/log.h"
#include "front/connections.h"
#include "front/throttle.h"
#include "front/web.h"

enum { TURN_BYTES = 8 * 1024 }; /* read from one connection in one turn: many that send much must not make it long */

static const char *const alpn[] = {"xmpp-client", "http/1.1", NULL};

struct tls_context *front_tls(struct front *front) {
    pthread_mutex_lock(&front->tls_lock);
    struct tls_context *ctx = tls_context_ref(front->tls);
    pthread_mutex_unlock(&front->tls_lock);
    return ctx;
}

static bool is_there(struct str path) {
    return access(path.p, R_OK) == 0;
}

/* The files of the options, or a pair of our own in data_dir. */
static int certificate_paths(const struct options *o, struct arena *arena, struct str *certificate, struct str *key) {
    if (str_some(o->certificate)) {
        *certificate = arena_dup(arena, o->certificate);
        *key = arena_dup(arena, str_some(o->key) ? o->key : o->certificate);
        return 0;
    }
    *certificate = arena_printf(arena, "%.*s/self-signed.crt", STR_FMT(o->data_dir));
    *key = arena_printf(arena, "%.*s/self-signed.key", STR_FMT(o->data_dir));
    if (is_there(*certificate) && is_there(*key)) return 0;
    struct str names[] = {o->domain, arena_printf(arena, "groups.%.*s", STR_FMT(o->domain)), STR("localhost"),
                          STR("127.0.0.1")};
    LOG(LOG_INFO, "certificate-made", F_STR("path", *certificate));
    return tls_make_self_signed(certificate->p, key->p, names, sizeof names / sizeof *names);
}

int front_reload(struct front *front) {
    struct arena *arena = arena_new();
    struct str certificate, key, why = STR("cannot make a certificate");
    struct tls_context *fresh = NULL;
    int err = certificate_paths(&front->server->options, arena, &certificate, &key);
    if (!err) err = tls_context_new(certificate.p, key.p, alpn, arena, &fresh, &why);
    if (err) {
        LOG(LOG_ERROR, "certificate-failed", F_STR("why", why), F_ERR("error", err));
    } else {
        pthread_mutex_lock(&front->tls_lock);
        struct tls_context *old = front->tls;
        front->tls = fresh;
        pthread_mutex_unlock(&front->tls_lock);
        tls_context_unref(&old);
    }
    arena_free(&arena);
    return err;
}

static void front_limits(struct front *front) {
    const struct options *o = &front->server->options;
    uint32_t high = (uint32_t)o->output_high, max = (uint32_t)o->output_max;
    front->unauthenticated = (struct conn_limits){
        (uint32_t)o->stanza_bytes_unauthenticated + 4096, 65536, 262144, TURN_BYTES, connections_leave, front->server};
    front->authenticated =
        (struct conn_limits){(uint32_t)o->stanza_bytes + 4096, high, max, TURN_BYTES, connections_leave, front->server};
    front->http = (struct conn_limits){131072, high, max + high, TURN_BYTES, connections_leave, front->server};
}

int front_new(struct server *server, struct front **out) {
    struct front *front = calloc(1, sizeof *front);
    CHECK(front != NULL);
    front->server = server;
    server->front = front;
    pthread_mutex_init(&front->tls_lock, NULL);
    front->throttle = throttle_new();
    front_limits(front);
    int err = net_set_parse(server->options.proxies, &front->proxies);
    if (err) LOG(LOG_ERROR, "proxies-bad", F_STR("value", server->options.proxies));
    if (!err) err = front_reload(front);
    char dir[4096];
    snprintf(dir, sizeof dir, "%.*s", STR_FMT(server->options.web_dir));
    if (!err) err = web_files_load(dir, &front->files);
    if (err) {
        front_free(&front);
        return err;
    }
    *out = front;
    return 0;
}

void front_free(struct front **slot) {
    struct front *front = *slot;
    if (!front) return;
    web_files_free(&front->files);
    throttle_free(&front->throttle);
    net_set_free(&front->proxies);
    tls_context_unref(&front->tls);
    pthread_mutex_destroy(&front->tls_lock);
    front->server->front = NULL;
    free(front);
    *slot = NULL;
}
