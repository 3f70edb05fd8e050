/*
 * http_lex.h: a request's head cut into pieces by llhttp. For http.c only: llhttp's names (HTTP_GET ...) clash with
 * ours, so the two meet here. What the pieces mean, and most of what is refused, is http.c's business.
 */
#ifndef CONFAB_NET_HTTP_LEX_H
#define CONFAB_NET_HTTP_LEX_H

#include <stddef.h>

#include "base/str.h"

#define HTTP_LEX_HEADERS_MAX 64

struct http_lex {
    struct str method, target;
    unsigned major, minor;
    struct {
        struct str name, value;
    } headers[HTTP_LEX_HEADERS_MAX];
    unsigned header_count;
};

enum http_lex_result {
    HTTP_LEX_DONE, /* the head ends where `head` ends, and nowhere before */
    HTTP_LEX_MORE, /* nothing wrong so far */
    HTTP_LEX_BAD,
    HTTP_LEX_BAD_METHOD,
    HTTP_LEX_BAD_VERSION,
    HTTP_LEX_TOO_MANY, /* headers */
};

/* The pieces point into `head`. */
enum http_lex_result http_lex(struct str head, struct http_lex *out);

#endif
