/*
 * tls.h: TLS 1.2 and 1.3 by OpenSSL 3 on the descriptor itself (SSL_set_fd, RELEASE_BUFFERS): the only file of net/
 * that includes OpenSSL. An idle session costs about 14 KB of it; a thinner record layer may come behind the same face.
 * A tls session may move between threads; one at a time uses it. OpenSSL writes with write(2): the program must ignore
 * SIGPIPE.
 */
#ifndef CONFAB_NET_TLS_H
#define CONFAB_NET_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

struct tls_context; /* certificate, key and settings; counted, shared by threads, immutable */
struct tls;         /* one session */

/* Reads PEM files. `alpn`: protocols accepted, in the server's order of preference ("xmpp-client", "http/1.1"),
 * NULL-terminated; a client that offers ALPN but none of these is refused (RFC 7301), one that offers none is served.
 * On failure ERR_*, with a sentence in out_message (arena). */
int tls_context_new(const char *certificate_path, const char *key_path, const char *const *alpn, struct arena *arena,
                    struct tls_context **out, struct str *out_message);
struct tls_context *tls_context_ref(struct tls_context *ctx);
void tls_context_unref(struct tls_context **ctx);
/* Makes a self-signed ECDSA P-256 certificate for these names (DNS or IP), valid ten years; key file mode 0600. */
int tls_make_self_signed(const char *certificate_path, const char *key_path, const struct str *names,
                         size_t name_count);

struct tls *tls_new(struct tls_context *ctx, int fd); /* server side; takes a reference on the context */
void tls_free(struct tls **tls);

enum tls_want { TLS_DONE, TLS_WANT_READ, TLS_WANT_WRITE, TLS_CLOSED /* close_notify or EOF */, TLS_FAILED };

enum tls_want tls_handshake(struct tls *tls);
/* Up to len bytes of plain text. TLS_DONE: *out_len > 0. */
enum tls_want tls_read(struct tls *tls, void *out, size_t len, size_t *out_len);
/* May be asked again with a moved buffer or more bytes (partial and moving writes are enabled). */
enum tls_want tls_write(struct tls *tls, const void *p, size_t len, size_t *out_len);
/* Sends close_notify if it can at once. */
void tls_shutdown(struct tls *tls);
/* Plain text that was decrypted already and waits inside. */
bool tls_pending(const struct tls *tls);
/* For the log: the reason of TLS_FAILED. Any time after. */
const char *tls_failure(const struct tls *tls);

/* Facts, after the handshake. */
struct str tls_alpn(const struct tls *tls);     /* STR_NONE: none chosen */
const char *tls_version(const struct tls *tls); /* "TLSv1.3" */
const char *tls_cipher(const struct tls *tls);
/* Channel bindings: RFC 9266 (false on TLS 1.2 without extended master secret), RFC 5929 of the certificate that this
 * session used. */
bool tls_has_exporter(const struct tls *tls);
bool tls_has_server_end_point(const struct tls *tls);
bool tls_exporter(const struct tls *tls, uint8_t out[32]);
/* RFC 5929's tls-unique under the same conditions: the client's Finished. It is not defined for TLS 1.3, but clients take it from there. */
bool tls_unique(const struct tls *tls, uint8_t out[64], size_t *out_len);
bool tls_server_end_point(const struct tls *tls, uint8_t out[64], size_t *out_len);

#endif
