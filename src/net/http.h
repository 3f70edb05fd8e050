/*
 * http.h: HTTP/1.1 requests as values, parsed by llhttp in its strict mode, and the heads of responses. No routes and
 * no files here. Bodies are not collected: who wants one reads the bytes behind the head (http_body).
 */
#ifndef CONFAB_NET_HTTP_H
#define CONFAB_NET_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_PUT, HTTP_POST, HTTP_PATCH, HTTP_DELETE, HTTP_OPTIONS, HTTP_OTHER };

#define HTTP_HEAD_MAX 16384 /* bytes of request line and headers */
#define HTTP_HEADERS_MAX 64

struct http_header {
    struct str name, value; /* name in lower case, value trimmed */
};

struct http_request {
    enum http_method method;
    struct str target; /* as sent */
    struct str path;   /* percent-decoded, dot segments refused; starts with '/' */
    struct str query;  /* raw, behind '?'; STR_NONE without */
    struct http_header headers[HTTP_HEADERS_MAX];
    unsigned header_count;
    uint8_t minor; /* HTTP/1.minor: 0 or 1 */
    bool keep_alive;
    bool upgrade; /* Connection: upgrade */
    bool chunked; /* Transfer-Encoding: chunked */
    bool has_length;
    uint64_t content_length; /* 0 when has_length is false */
    bool expect_continue;
};

/*
 * One head at the start of `bytes`. 0: *out (in arena) and *out_len, the head's length. ERR_AGAIN: incomplete.
 * Otherwise the request must be answered with *out_status (400, 405, 413, 414, 431, 501, 505) and the connection
 * closed. Refuses what request smuggling lives on: both or repeated lengths, bare LF, space before the colon, obsolete
 * folding, HTTP/0.9 and 2, absolute targets of other hosts, no or several Host.
 */
int http_parse(struct arena *arena, struct str bytes, struct http_request **out, size_t *out_len, int *out_status);

/* First value of a header (lower-case name); STR_NONE. */
struct str http_header(const struct http_request *r, struct str name);
/* Whether a comma-separated header lists that token (case-insensitive, parameters ignored). */
bool http_header_has(const struct http_request *r, struct str name, struct str token);
/* Whether the client takes that content coding (br, gzip) with q > 0. */
bool http_accepts_coding(const struct http_request *r, struct str coding);

/* A single byte range: Range header against a size. 0: *out_from..*out_to inclusive. ERR_NOT_FOUND: no or an ignorable
 * range (serve it all). ERR_INVALID: 416. More than one range is ERR_NOT_FOUND. */
int http_range(const struct http_request *r, uint64_t size, uint64_t *out_from, uint64_t *out_to);

/* The same for the header's value alone. */
int http_range_parse(struct str range, uint64_t size, uint64_t *out_from, uint64_t *out_to);

const char *http_reason(int status); /* "Not Found" */
/* "HTTP/1.1 404 Not Found", Date, Connection when closing, and Content-Length (not when UINT64_MAX). The caller adds
 * headers and the empty line. */
void http_head(struct buf *out, int status, bool keep_alive, uint64_t content_length, int64_t wall_us);
void http_header_add(struct buf *out, struct str name, struct str value);

#endif
