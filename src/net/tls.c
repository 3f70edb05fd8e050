/*
 * tls.c: OpenSSL behind a small face.
 *
 * The session works on the descriptor itself and without read-ahead: it takes exactly one record at a time out of the
 * socket, so that nothing but a started record ever waits inside, and level-triggered epoll tells of the rest. Buffers
 * are released when empty.
 *
 * No session tickets and no session cache: on the server a resumed handshake costs as much as a full one (it is ECDHE
 * either way), and a ticket key that lives as long as the process would undo the forward secrecy of TLS 1.2. No
 * renegotiation, no compression.
 *
 * OpenSSL keeps errors in a queue per thread, and a stale one makes it misread the next result: it is cleared before
 * every call.
 *
 * Thread: a context may be shared by all, it is not changed after it was made; a session is used by one thread at a
 * time.
 */
#include "net/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/check.h"
#include "base/err.h"

struct tls_context {
    atomic_int refs;
    SSL_CTX *ssl_ctx;
    unsigned alpn_len;     /* 0: any client is served */
    uint8_t alpn[256];     /* as on the wire: each name behind its length */
    uint8_t end_point[64]; /* RFC 5929 of the certificate */
    size_t end_point_len;  /* 0: it has none */
};

struct tls {
    SSL *ssl;
    struct tls_context *ctx;
    unsigned long reason; /* of OpenSSL, of the failure */
    int error;            /* or of the system */
    bool failed;
};

/* --- contexts --- */

#define TLS12_CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL"
#define GROUPS "X25519:P-256:P-384"

/* An encrypted key must not make the server ask at a terminal. */
static int no_passphrase(char *out, int size, int writing, void *owner) {
    (void)out;
    (void)size;
    (void)writing;
    (void)owner;
    return -1;
}

static int alpn_select(SSL *ssl, const uint8_t **out, uint8_t *out_len, const uint8_t *offered, unsigned offered_len,
                       void *owner) {
    (void)ssl;
    const struct tls_context *ctx = owner;
    for (unsigned ours = 0; ours < ctx->alpn_len; ours += 1u + ctx->alpn[ours]) {
        unsigned len = ctx->alpn[ours];
        for (unsigned theirs = 0; theirs < offered_len; theirs += 1u + offered[theirs]) {
            if (theirs + len >= offered_len || memcmp(ctx->alpn + ours, offered + theirs, len + 1u) != 0) continue;
            *out = ctx->alpn + ours + 1;
            *out_len = (uint8_t)len;
            return SSL_TLSEXT_ERR_OK;
        }
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL; /* no_application_protocol */
}

static void context_set_alpn(struct tls_context *ctx, const char *const *names) {
    for (; names && *names; names++) {
        size_t len = strlen(*names);
        CHECK(len > 0 && len < 256 && ctx->alpn_len + 1 + len <= sizeof(ctx->alpn));
        ctx->alpn[ctx->alpn_len++] = (uint8_t)len;
        memcpy(ctx->alpn + ctx->alpn_len, *names, len);
        ctx->alpn_len += (unsigned)len;
    }
    if (ctx->alpn_len) SSL_CTX_set_alpn_select_cb(ctx->ssl_ctx, alpn_select, ctx);
}

static SSL_CTX *ssl_ctx_new(void) {
    SSL_CTX *c = SSL_CTX_new(TLS_server_method());
    CHECK(c != NULL);
    CHECK(SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION));
    CHECK(SSL_CTX_set_cipher_list(c, TLS12_CIPHERS));
    CHECK(SSL_CTX_set1_groups_list(c, GROUPS));
    SSL_CTX_set_options(c, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                               SSL_OP_PRIORITIZE_CHACHA | SSL_OP_NO_TICKET | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
    CHECK(SSL_CTX_set_num_tickets(c, 0));
    SSL_CTX_set_default_passwd_cb(c, no_passphrase);
    return c;
}

static const char *openssl_reason(void) {
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    return reason ? reason : "unknown reason";
}

/* A session has its context to its end, so this is of the certificate that it showed, whatever was read since. */
static void context_set_end_point(struct tls_context *ctx) {
    X509 *x509 = SSL_CTX_get0_certificate(ctx->ssl_ctx);
    int digest, unused;
    ERR_clear_error();
    if (!x509 || !X509_get_signature_info(x509, &digest, &unused, NULL, NULL) || digest == NID_undef) {
        ERR_clear_error(); /* RFC 5929 knows no hash for a signature without one (Ed25519) */
        return;
    }
    if (digest == NID_md5 || digest == NID_sha1) digest = NID_sha256;
    const EVP_MD *md = EVP_get_digestbynid(digest);
    unsigned len;
    if (!md || EVP_MD_get_size(md) > 64 || X509_digest(x509, md, ctx->end_point, &len) != 1) return;
    ctx->end_point_len = len;
}

int tls_context_new(const char *certificate_path, const char *key_path, const char *const *alpn, struct arena *arena,
                    struct tls_context **out, struct str *out_message) {
    struct tls_context *ctx = calloc(1, sizeof(*ctx));
    CHECK(ctx != NULL);
    atomic_init(&ctx->refs, 1);
    ERR_clear_error();
    ctx->ssl_ctx = ssl_ctx_new();
    context_set_alpn(ctx, alpn);

    const char *bad = NULL, *what = NULL;
    if (SSL_CTX_use_certificate_chain_file(ctx->ssl_ctx, certificate_path) != 1)
        bad = certificate_path, what = "cannot read the certificate";
    else if (SSL_CTX_use_PrivateKey_file(ctx->ssl_ctx, key_path, SSL_FILETYPE_PEM) != 1)
        bad = key_path, what = "cannot read the private key, or it is not the certificate's";
    if (!bad) {
        context_set_end_point(ctx);
        *out = ctx;
        return 0;
    }
    *out_message = arena_printf(arena, "%s: %s (%s)", bad, what, openssl_reason());
    tls_context_unref(&ctx);
    return ERR_CONFIG;
}

struct tls_context *tls_context_ref(struct tls_context *ctx) {
    atomic_fetch_add_explicit(&ctx->refs, 1, memory_order_relaxed);
    return ctx;
}

void tls_context_unref(struct tls_context **context) {
    struct tls_context *ctx = *context;
    *context = NULL;
    if (!ctx || atomic_fetch_sub_explicit(&ctx->refs, 1, memory_order_acq_rel) != 1) return;
    SSL_CTX_free(ctx->ssl_ctx);
    free(ctx);
}

/* --- a certificate of our own --- */

/* "DNS:name" or "IP:address" into the list of alternative names. */
static int alt_name_add(GENERAL_NAMES *names, struct str name) {
    char text[256];
    if (!str_some(name) || name.len >= sizeof(text)) return ERR_INVALID;
    for (size_t i = 0; i < name.len; i++)
        if (name.p[i] <= ' ' || name.p[i] >= 127) return ERR_INVALID;
    memcpy(text, name.p, name.len);
    text[name.len] = '\0';

    GENERAL_NAME *alt = GENERAL_NAME_new();
    CHECK(alt != NULL && sk_GENERAL_NAME_push(names, alt));
    ASN1_OCTET_STRING *ip = a2i_IPADDRESS(text);
    if (ip) {
        GENERAL_NAME_set0_value(alt, GEN_IPADD, ip);
        return 0;
    }
    ASN1_IA5STRING *dns = ASN1_IA5STRING_new();
    CHECK(dns != NULL && ASN1_STRING_set(dns, text, (int)name.len));
    GENERAL_NAME_set0_value(alt, GEN_DNS, dns);
    return 0;
}

static int certificate_add_names(X509 *x509, const struct str *names, size_t name_count) {
    GENERAL_NAMES *alt_names = GENERAL_NAMES_new();
    CHECK(alt_names != NULL);
    int err = name_count ? 0 : ERR_INVALID;
    for (size_t i = 0; i < name_count && !err; i++) err = alt_name_add(alt_names, names[i]);
    if (!err) {
        CHECK(X509_add1_ext_i2d(x509, NID_subject_alt_name, alt_names, 0, 0) == 1);
        /* A common name has at most 64 characters; the alternative names are what counts. */
        CHECK(X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_UTF8, (const uint8_t *)names[0].p,
                                         names[0].len <= 64 ? (int)names[0].len : 64, -1, 0));
    }
    GENERAL_NAMES_free(alt_names);
    return err;
}

static void certificate_add_extension(X509 *x509, int nid, const char *value) {
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    CHECK(extension != NULL && X509_add_ext(x509, extension, -1));
    X509_EXTENSION_free(extension);
}

static int certificate_new(EVP_PKEY *key, const struct str *names, size_t name_count, X509 **out) {
    X509 *x509 = X509_new();
    CHECK(x509 != NULL);
    uint64_t serial;
    CHECK(RAND_bytes((uint8_t *)&serial, sizeof(serial)) == 1);
    CHECK(X509_set_version(x509, 2) && ASN1_INTEGER_set_uint64(X509_get_serialNumber(x509), serial >> 1 | 1));
    CHECK(X509_gmtime_adj(X509_getm_notBefore(x509), -86400)); /* a day for clocks that are slow */
    CHECK(X509_time_adj_ex(X509_getm_notAfter(x509), 3650, 0, NULL));
    CHECK(X509_set_pubkey(x509, key));
    int err = certificate_add_names(x509, names, name_count);
    if (err) {
        X509_free(x509);
        return err;
    }
    CHECK(X509_set_issuer_name(x509, X509_get_subject_name(x509)));
    certificate_add_extension(x509, NID_basic_constraints, "critical,CA:FALSE");
    certificate_add_extension(x509, NID_key_usage, "critical,digitalSignature");
    certificate_add_extension(x509, NID_ext_key_usage, "serverAuth");
    CHECK(X509_sign(x509, key, EVP_sha256()) > 0);
    *out = x509;
    return 0;
}

/* NULL on failure. The mode holds for a file that was there before, too. */
static FILE *file_create(const char *path, mode_t mode) {
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, mode);
    if (fd < 0) return NULL;
    FILE *file = fchmod(fd, mode) == 0 && ftruncate(fd, 0) == 0 ? fdopen(fd, "w") : NULL;
    if (!file) close(fd);
    return file;
}

static int certificate_write(const char *certificate_path, const char *key_path, X509 *x509, EVP_PKEY *key) {
    FILE *key_file = file_create(key_path, 0600);
    if (!key_file) return ERR_IO;
    bool ok = PEM_write_PrivateKey(key_file, key, NULL, NULL, 0, NULL, NULL) == 1;
    ok = fclose(key_file) == 0 && ok;
    FILE *certificate_file = file_create(certificate_path, 0644);
    if (!certificate_file) return ERR_IO;
    ok = PEM_write_X509(certificate_file, x509) == 1 && ok;
    ok = fclose(certificate_file) == 0 && ok;
    return ok ? 0 : ERR_IO;
}

int tls_make_self_signed(const char *certificate_path, const char *key_path, const struct str *names,
                         size_t name_count) {
    ERR_clear_error();
    EVP_PKEY *key = EVP_EC_gen("P-256");
    CHECK(key != NULL);
    X509 *x509 = NULL;
    int err = certificate_new(key, names, name_count, &x509);
    if (!err) err = certificate_write(certificate_path, key_path, x509, key);
    X509_free(x509);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return err;
}

/* --- sessions --- */

struct tls *tls_new(struct tls_context *ctx, int fd) {
    struct tls *tls = calloc(1, sizeof(*tls));
    CHECK(tls != NULL);
    ERR_clear_error();
    *tls = (struct tls){.ssl = SSL_new(ctx->ssl_ctx), .ctx = tls_context_ref(ctx)};
    CHECK(tls->ssl != NULL && SSL_set_fd(tls->ssl, fd) == 1);
    SSL_set_accept_state(tls->ssl);
    return tls;
}

void tls_free(struct tls **tls) {
    if (!*tls) return;
    SSL_free((*tls)->ssl);
    tls_context_unref(&(*tls)->ctx);
    free(*tls);
    *tls = NULL;
}

/* What a call that returned `result` means. A failed session must not be used again, not even to shut it down. */
static enum tls_want tls_outcome(struct tls *tls, int result) {
    int error = errno;
    switch (SSL_get_error(tls->ssl, result)) {
    case SSL_ERROR_NONE:
        return TLS_DONE;
    case SSL_ERROR_WANT_READ:
        return TLS_WANT_READ;
    case SSL_ERROR_WANT_WRITE:
        return TLS_WANT_WRITE;
    case SSL_ERROR_ZERO_RETURN:
        return TLS_CLOSED;
    case SSL_ERROR_SYSCALL:
        tls->error = error;
        break;
    default:
        tls->reason = ERR_peek_last_error();
        break;
    }
    ERR_clear_error();
    tls->failed = true;
    return TLS_FAILED;
}

enum tls_want tls_handshake(struct tls *tls) {
    if (tls->failed) return TLS_FAILED;
    ERR_clear_error();
    errno = 0;
    return tls_outcome(tls, SSL_do_handshake(tls->ssl));
}

enum tls_want tls_read(struct tls *tls, void *out, size_t len, size_t *out_len) {
    if (tls->failed) return TLS_FAILED;
    ERR_clear_error();
    errno = 0;
    size_t got = 0;
    enum tls_want want = tls_outcome(tls, SSL_read_ex(tls->ssl, out, len, &got));
    if (want == TLS_DONE) *out_len = got;
    return want;
}

enum tls_want tls_write(struct tls *tls, const void *p, size_t len, size_t *out_len) {
    if (tls->failed) return TLS_FAILED;
    ERR_clear_error();
    errno = 0;
    size_t put = 0;
    enum tls_want want = tls_outcome(tls, SSL_write_ex(tls->ssl, p, len, &put));
    if (want == TLS_DONE) *out_len = put;
    return want;
}

void tls_shutdown(struct tls *tls) {
    if (tls->failed || !SSL_is_init_finished(tls->ssl)) return;
    ERR_clear_error();
    SSL_shutdown(tls->ssl);
    ERR_clear_error();
}

bool tls_pending(const struct tls *tls) {
    return !tls->failed && SSL_pending(tls->ssl) > 0;
}

const char *tls_failure(const struct tls *tls) {
    const char *text = NULL;
    if (tls->reason) text = ERR_reason_error_string(tls->reason);
    if (!text && tls->error) text = strerrordesc_np(tls->error);
    return text ? text : "unknown reason";
}

/* --- facts --- */

struct str tls_alpn(const struct tls *tls) {
    const uint8_t *name;
    unsigned len;
    SSL_get0_alpn_selected(tls->ssl, &name, &len);
    return len ? str_of(name, len) : STR_NONE;
}

const char *tls_version(const struct tls *tls) {
    return SSL_get_version(tls->ssl);
}

const char *tls_cipher(const struct tls *tls) {
    return SSL_get_cipher_name(tls->ssl);
}

bool tls_has_exporter(const struct tls *tls) {
    if (tls->failed || !SSL_is_init_finished(tls->ssl)) return false;
    return SSL_version(tls->ssl) >= TLS1_3_VERSION || SSL_get_extms_support(tls->ssl) == 1;
}

bool tls_exporter(const struct tls *tls, uint8_t out[32]) {
    static const char label[] = "EXPORTER-Channel-Binding";
    if (!tls_has_exporter(tls)) return false;
    ERR_clear_error();
    /* The context is the empty string, not absent: in TLS 1.2 they differ (RFC 9266 says "empty string"). */
    return SSL_export_keying_material(tls->ssl, out, 32, label, sizeof(label) - 1, (const uint8_t *)"", 0, 1) == 1;
}

bool tls_unique(const struct tls *tls, uint8_t out[64], size_t *out_len) {
    if (!tls_has_exporter(tls)) return false;
    *out_len = SSL_get_peer_finished(tls->ssl, out,
                                     64); /* no session is resumed here: the client's came first, or last in 1.3 */
    return *out_len > 0 && *out_len <= 64;
}

bool tls_has_server_end_point(const struct tls *tls) {
    return tls->ctx->end_point_len > 0;
}

bool tls_server_end_point(const struct tls *tls, uint8_t out[64], size_t *out_len) {
    *out_len = tls->ctx->end_point_len;
    memcpy(out, tls->ctx->end_point, tls->ctx->end_point_len);
    return tls->ctx->end_point_len > 0;
}
