/*
 * http_lex.c: llhttp in its strict mode on one head that is there in one piece. Nothing is kept between calls: who
 * trickles a head is bounded by its size, and an idle connection has no parser. Pure; any thread.
 */
#include "net/http_lex.h"

#include <llhttp.h>

struct lexer {
    struct http_lex *out;
    bool in_value; /* the last header has its value */
    bool too_many;
    bool complete;
};

/* Pieces come whole, for the input is in one piece; llhttp may still cut one in two where it took out a line break.
 * That is refused. */
static int piece_take(struct str *piece, const char *at, size_t len) {
    if (piece->p && piece->p + piece->len != at) return -1;
    *piece = piece->p ? str_of(piece->p, piece->len + len) : str_of(at, len);
    return 0;
}

static int on_url(llhttp_t *parser, const char *at, size_t len) {
    struct lexer *lexer = parser->data;
    return piece_take(&lexer->out->target, at, len);
}

static int on_header_field(llhttp_t *parser, const char *at, size_t len) {
    struct lexer *lexer = parser->data;
    struct http_lex *out = lexer->out;
    if (out->header_count == 0 || lexer->in_value) {
        if (out->header_count == HTTP_LEX_HEADERS_MAX) {
            lexer->too_many = true;
            return -1;
        }
        out->headers[out->header_count].name = out->headers[out->header_count].value = STR_NONE;
        out->header_count++;
        lexer->in_value = false;
    }
    return piece_take(&out->headers[out->header_count - 1].name, at, len);
}

static int on_header_value(llhttp_t *parser, const char *at, size_t len) {
    struct lexer *lexer = parser->data;
    if (lexer->out->header_count == 0) return -1;
    lexer->in_value = true;
    return piece_take(&lexer->out->headers[lexer->out->header_count - 1].value, at, len);
}

static int on_header_value_complete(llhttp_t *parser) {
    struct lexer *lexer = parser->data;
    lexer->in_value = true; /* of an empty value, nothing else is heard */
    return 0;
}

static int on_headers_complete(llhttp_t *parser) {
    struct lexer *lexer = parser->data;
    lexer->complete = true;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_url = on_url,
    .on_header_field = on_header_field,
    .on_header_value = on_header_value,
    .on_header_value_complete = on_header_value_complete,
    .on_headers_complete = on_headers_complete,
};

/* What llhttp found wrong, as far as the answer depends on it. */
static const struct {
    llhttp_errno_t error;
    enum http_lex_result result;
} verdicts[] = {
    {HPE_OK, HTTP_LEX_MORE},
    {HPE_INVALID_METHOD, HTTP_LEX_BAD_METHOD},
    {HPE_INVALID_VERSION, HTTP_LEX_BAD_VERSION},
};

static enum http_lex_result verdict_of(llhttp_errno_t error) {
    for (size_t i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++)
        if (verdicts[i].error == error) return verdicts[i].result;
    return HTTP_LEX_BAD;
}

enum http_lex_result http_lex(struct str head, struct http_lex *out) {
    struct lexer lexer = {.out = out};
    out->method = str_first(head, str_index(head, ' '));
    out->target = STR_NONE;
    out->header_count = 0;

    llhttp_t parser;
    llhttp_init(&parser, HTTP_REQUEST, &settings);
    parser.data = &lexer;
    llhttp_errno_t error = llhttp_execute(&parser, head.p, head.len);
    if (lexer.too_many) return HTTP_LEX_TOO_MANY;
    out->major = parser.http_major;
    out->minor = parser.http_minor;
    if (!lexer.complete) return verdict_of(error);
    /* llhttp stands on the last byte of the head when it says "complete". */
    bool whole = error == HPE_PAUSED && llhttp_get_error_pos(&parser) + 1 >= head.p + head.len;
    return whole ? HTTP_LEX_DONE : HTTP_LEX_BAD;
}
