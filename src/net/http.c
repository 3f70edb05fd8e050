/*
 * http.c: requests as values, heads of responses as bytes.
 *
 * Two readers look at every head. llhttp cuts it into pieces; before that, our own scan demands that it is made of
 * lines ended by CR LF and nothing else, ends at the first empty one, and begins no line with a space. Request
 * smuggling lives on two programs seeing the end of a message in different places, so whatever could be seen in two
 * ways is refused, not repaired.
 *
 * Pure functions; any thread.
 */
#include "net/http.h"

#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/check.h"
#include "base/err.h"
#include "net/http_lex.h"

#define REQUEST_LINE_MAX 8192

_Static_assert(HTTP_HEADERS_MAX == HTTP_LEX_HEADERS_MAX, "one limit");

static bool str_eq_nocase(struct str a, struct str b) {
    return a.len == b.len && (a.len == 0 || strncasecmp(a.p, b.p, a.len) == 0);
}

static struct str str_trim(struct str s) {
    while (s.len && (s.p[0] == ' ' || s.p[0] == '\t')) s = str_from(s, 1);
    while (s.len && (s.p[s.len - 1] == ' ' || s.p[s.len - 1] == '\t')) s.len--;
    return s;
}

/* Cuts the next element off a comma-separated list: trimmed, maybe empty. False: there are no more. */
static bool element_next(struct str *rest, struct str *out) {
    if (!rest->p) return false;
    size_t comma = str_index(*rest, ',');
    *out = str_trim(str_first(*rest, comma));
    *rest = comma < rest->len ? str_from(*rest, comma + 1) : STR_NONE;
    return true;
}

/* --- the lines of a head --- */

/* Length of the head with its empty line; 0: not there yet; SIZE_MAX: something in it is no proper line. */
static size_t head_measure(struct str bytes) {
    size_t start = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        char c = bytes.p[i];
        if (c == '\0' || c == '\n') return SIZE_MAX;
        if (c != '\r') continue;
        if (i + 1 == bytes.len) return 0;
        if (bytes.p[++i] != '\n') return SIZE_MAX;
        if (i - start == 1) return start == 0 ? SIZE_MAX : i + 1;
        start = i + 1;
        if (start < bytes.len && (bytes.p[start] == ' ' || bytes.p[start] == '\t')) return SIZE_MAX; /* folded */
    }
    return 0;
}

static int fail(int status, int *out_status) {
    *out_status = status;
    return ERR_INVALID;
}

static bool is_method_word(struct str s) {
    for (size_t i = 0; i < s.len; i++)
        if (s.p[i] < 'A' || s.p[i] > 'Z') return false;
    return str_some(s);
}

/* The answer for what llhttp refused. */
static int lex_status(enum http_lex_result result, const struct http_lex *lex) {
    if (str_eq(lex->method, STR("PRI"))) return 505; /* the greeting of HTTP/2 */
    switch (result) {
    case HTTP_LEX_BAD_METHOD:
        return is_method_word(lex->method) ? 501 : 400;
    case HTTP_LEX_BAD_VERSION:
        return 505;
    case HTTP_LEX_TOO_MANY:
        return 431;
    default:
        return 400;
    }
}

/* --- what the headers mean --- */

static bool header_count_is(const struct http_request *r, struct str name, unsigned count) {
    for (unsigned i = 0; i < r->header_count; i++)
        if (str_eq(r->headers[i].name, name)) {
            if (count == 0) return false;
            count--;
        }
    return count == 0;
}

static bool value_is_clean(struct str value) {
    for (size_t i = 0; i < value.len; i++) {
        uint8_t c = (uint8_t)value.p[i];
        if ((c < ' ' && c != '\t') || c == 127) return false;
    }
    return true;
}

static bool headers_take(struct arena *arena, struct http_request *r, const struct http_lex *lex) {
    for (unsigned i = 0; i < lex->header_count; i++) {
        struct str name = lex->headers[i].name;
        char *lower = arena_alloc(arena, name.len);
        for (size_t k = 0; k < name.len; k++) {
            char c = name.p[k];
            if (c <= ' ' || c == ':' || c >= 127) return false;
            lower[k] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
        }
        struct str value = str_trim(lex->headers[i].value);
        if (name.len == 0 || !value_is_clean(value)) return false;
        if (!value.p) value = STR("");
        r->headers[r->header_count++] = (struct http_header){str_of(lower, name.len), value};
    }
    return true;
}

/* How long the body is. 0 or the status to refuse with. */
static int body_understand(struct http_request *r) {
    struct str length = http_header(r, STR("content-length")), coding = http_header(r, STR("transfer-encoding"));
    if (length.p && coding.p) return 400;
    if (length.p) {
        unsigned long long n;
        if (!header_count_is(r, STR("content-length"), 1) || length.len == 0) return 400;
        for (size_t i = 0; i < length.len; i++)
            if (length.p[i] < '0' || length.p[i] > '9') return 400;
        if (!str_to_u64(length, INT64_MAX, &n)) return 413;
        r->has_length = true;
        r->content_length = n;
    }
    if (coding.p) {
        if (r->minor == 0 || !header_count_is(r, STR("transfer-encoding"), 1)) return 400;
        if (!str_eq_nocase(coding, STR("chunked"))) return 501;
        r->chunked = true;
    }
    return 0;
}

static int connection_understand(struct http_request *r) {
    bool close = http_header_has(r, STR("connection"), STR("close"));
    bool keep = http_header_has(r, STR("connection"), STR("keep-alive"));
    r->keep_alive = !close && (r->minor == 1 || keep);
    r->upgrade = r->minor == 1 && http_header_has(r, STR("connection"), STR("upgrade"));
    struct str expect = http_header(r, STR("expect"));
    r->expect_continue = r->minor == 1 && str_eq_nocase(expect, STR("100-continue"));
    return str_some(expect) && !r->expect_continue && r->minor == 1 ? 400 : 0;
}

/* A name or address and maybe a port: nothing that could end it or begin something else. */
static bool host_is_clean(struct str host) {
    for (size_t i = 0; i < host.len; i++) {
        uint8_t c = (uint8_t)host.p[i];
        bool letter = (c | 32) >= 'a' && (c | 32) <= 'z', digit = c >= '0' && c <= '9';
        if (!letter && !digit && !memchr(".-_:[]", c, 6)) return false;
    }
    return str_some(host);
}

static bool host_check(const struct http_request *r) {
    struct str host = http_header(r, STR("host"));
    if (!host.p) return r->minor == 0;
    return header_count_is(r, STR("host"), 1) && host_is_clean(host);
}

/* --- the target --- */

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    char lower = (char)(c | 32);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* One character of a path, decoded; -1: refused. An encoded slash would be seen as a separator by some and not by
 * others. */
static int path_char(struct str raw, size_t *at) {
    char c = raw.p[(*at)++];
    if (c != '%') return (uint8_t)c;
    if (raw.len - *at < 2) return -1;
    int high = hex_digit(raw.p[*at]), low = hex_digit(raw.p[*at + 1]);
    *at += 2;
    if (high < 0 || low < 0) return -1;
    int value = high * 16 + low;
    return value < ' ' || value == 127 || value == '/' ? -1 : value;
}

static bool path_has_dot_segments(struct str path) {
    while (str_some(path)) {
        path = str_from(path, 1); /* the slash */
        struct str segment = str_first(path, str_index(path, '/'));
        if (str_eq(segment, STR(".")) || str_eq(segment, STR(".."))) return true;
        path = str_from(path, segment.len);
    }
    return false;
}

static bool path_decode(struct arena *arena, struct str raw, struct str *out) {
    char *path = arena_alloc(arena, raw.len + 1);
    size_t len = 0;
    for (size_t at = 0; at < raw.len;) {
        int c = path_char(raw, &at);
        if (c < 0) return false;
        path[len++] = (char)c;
    }
    path[len] = '\0';
    *out = str_of(path, len);
    return len > 0 && path[0] == '/' && !path_has_dot_segments(*out);
}

/* "http://HOST/path" is what proxies are asked; a server takes it if HOST is the one of the Host header. */
static bool target_strip_host(const struct http_request *r, struct str *target) {
    static const struct str schemes[] = {STR_INIT("http://"), STR_INIT("https://")};
    for (size_t i = 0; i < 2; i++) {
        if (!str_eq_nocase(str_first(*target, schemes[i].len), schemes[i])) continue;
        struct str rest = str_from(*target, schemes[i].len);
        size_t end = 0;
        while (end < rest.len && rest.p[end] != '/' && rest.p[end] != '?') end++;
        *target = str_from(rest, end);
        return str_eq_nocase(str_first(rest, end), http_header(r, STR("host")));
    }
    return false;
}

static bool target_understand(struct arena *arena, struct http_request *r) {
    struct str target = r->target;
    for (size_t i = 0; i < target.len; i++)
        if (target.p[i] <= ' ' || target.p[i] >= 127 || target.p[i] == '#') return false;
    if (str_eq(target, STR("*"))) {
        r->path = STR("/");
        return r->method == HTTP_OPTIONS;
    }
    if (!str_starts(target, STR("/")) && !target_strip_host(r, &target)) return false;
    size_t question = str_index(target, '?');
    r->query = question < target.len ? str_from(target, question + 1) : STR_NONE;
    struct str path = str_first(target, question);
    return path_decode(arena, str_some(path) ? path : STR("/"), &r->path);
}

/* --- the request --- */

static enum http_method method_of(struct str name) {
    static const struct str names[] = {
        [HTTP_GET] = STR_INIT("GET"),         [HTTP_HEAD] = STR_INIT("HEAD"),   [HTTP_PUT] = STR_INIT("PUT"),
        [HTTP_POST] = STR_INIT("POST"),       [HTTP_PATCH] = STR_INIT("PATCH"), [HTTP_DELETE] = STR_INIT("DELETE"),
        [HTTP_OPTIONS] = STR_INIT("OPTIONS"),
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (str_eq(names[i], name)) return (enum http_method)i;
    return HTTP_OTHER;
}

static int request_make(struct arena *arena, const struct http_lex *lex, struct http_request *r) {
    if (lex->major != 1 || lex->minor > 1) return 505;
    *r = (struct http_request){.method = method_of(lex->method), .target = lex->target, .minor = (uint8_t)lex->minor};
    /* Both make a server talk on behalf of others, or repeat what it heard. */
    if (str_eq(lex->method, STR("CONNECT")) || str_eq(lex->method, STR("TRACE"))) return 405;
    if (!headers_take(arena, r, lex) || !host_check(r)) return 400;
    int status = body_understand(r);
    if (!status) status = connection_understand(r);
    if (!status && !target_understand(arena, r)) status = 400;
    return status;
}

/* Too much without an end: 414 when not even the request line has one. 0: wait. */
static int unfinished_status(struct str bytes, size_t head_len) {
    size_t line_len = str_index(bytes, '\r');
    if (line_len > REQUEST_LINE_MAX) return 414;
    if (head_len > HTTP_HEAD_MAX || (head_len == 0 && bytes.len >= HTTP_HEAD_MAX)) return 431;
    return 0;
}

int http_parse(struct arena *arena, struct str bytes, struct http_request **out, size_t *out_len, int *out_status) {
    struct str seen = str_first(bytes, HTTP_HEAD_MAX + 1);
    size_t head_len = head_measure(seen);
    if (head_len == SIZE_MAX) return fail(400, out_status);
    int status = unfinished_status(seen, head_len);
    if (status) return fail(status, out_status);
    if (!str_some(bytes)) return ERR_AGAIN;

    struct http_lex lex;
    enum http_lex_result result = http_lex(head_len ? str_first(bytes, head_len) : bytes, &lex);
    if (head_len == 0 && result == HTTP_LEX_MORE) return ERR_AGAIN;
    if (head_len == 0 || result != HTTP_LEX_DONE) return fail(lex_status(result, &lex), out_status);

    struct http_request *r = ARENA_NEW(arena, struct http_request);
    status = request_make(arena, &lex, r);
    if (status) return fail(status, out_status);
    *out = r;
    *out_len = head_len;
    return 0;
}

/* --- questions to a request --- */

struct str http_header(const struct http_request *r, struct str name) {
    for (unsigned i = 0; i < r->header_count; i++)
        if (str_eq(r->headers[i].name, name)) return r->headers[i].value;
    return STR_NONE;
}

bool http_header_has(const struct http_request *r, struct str name, struct str token) {
    for (unsigned i = 0; i < r->header_count; i++) {
        if (!str_eq(r->headers[i].name, name)) continue;
        struct str rest = r->headers[i].value, element;
        while (element_next(&rest, &element))
            if (str_eq_nocase(str_trim(str_first(element, str_index(element, ';'))), token)) return true;
    }
    return false;
}

/* Whether the parameters say q=0, in any of its spellings. */
static bool quality_is_zero(struct str parameters) {
    while (str_some(parameters)) {
        struct str one = str_trim(str_first(parameters, str_index(parameters, ';')));
        parameters = str_from(parameters, str_index(parameters, ';') + 1);
        if (one.len < 3 || (one.p[0] | 32) != 'q' || one.p[1] != '=') continue;
        for (size_t i = 2; i < one.len; i++)
            if (one.p[i] != '0' && one.p[i] != '.') return false;
        return true;
    }
    return false;
}

bool http_accepts_coding(const struct http_request *r, struct str coding) {
    bool any = false;
    for (unsigned i = 0; i < r->header_count; i++) {
        if (!str_eq(r->headers[i].name, STR("accept-encoding"))) continue;
        struct str rest = r->headers[i].value, element;
        while (element_next(&rest, &element)) {
            size_t semicolon = str_index(element, ';');
            struct str name = str_trim(str_first(element, semicolon));
            bool wanted = !quality_is_zero(str_from(element, semicolon + 1));
            if (str_eq_nocase(name, coding)) return wanted;
            if (str_eq(name, STR("*"))) any = wanted;
        }
    }
    return any;
}

int http_range(const struct http_request *r, uint64_t size, uint64_t *out_from, uint64_t *out_to) {
    struct str range = http_header(r, STR("range"));
    if (!range.p || !header_count_is(r, STR("range"), 1)) return ERR_NOT_FOUND;
    return http_range_parse(range, size, out_from, out_to);
}

int http_range_parse(struct str range, uint64_t size, uint64_t *out_from, uint64_t *out_to) {
    if (!str_eq_nocase(str_first(range, 6), STR("bytes="))) return ERR_NOT_FOUND;
    range = str_trim(str_from(range, 6));
    size_t dash = str_index(range, '-');
    struct str first = str_first(range, dash), last = str_from(range, dash + 1);
    unsigned long long from = 0, to = UINT64_MAX;
    bool has_first = str_some(first), has_last = str_some(last);
    if (dash == range.len || (!has_first && !has_last)) return ERR_NOT_FOUND;
    if (has_first && !str_to_u64(first, UINT64_MAX, &from)) return ERR_NOT_FOUND;
    if (has_last && !str_to_u64(last, UINT64_MAX, &to)) return ERR_NOT_FOUND;
    if (has_first && from > to) return ERR_NOT_FOUND;

    if (!has_first) { /* the last `to` bytes */
        if (to == 0) return ERR_INVALID;
        from = to < size ? size - to : 0;
        to = UINT64_MAX;
    }
    if (from >= size) return ERR_INVALID;
    *out_from = from;
    *out_to = to < size ? to : size - 1;
    return 0;
}

/* --- responses --- */

static const struct {
    int status;
    const char *reason;
} reasons[] = {
    {100, "Continue"},
    {101, "Switching Protocols"},
    {200, "OK"},
    {201, "Created"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {426, "Upgrade Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {503, "Service Unavailable"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
};

const char *http_reason(int status) {
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (reasons[i].status == status) return reasons[i].reason;
    return "Unknown";
}

/* Not by strftime: its names follow the locale. */
static void date_add(struct buf *out, int64_t wall_us) {
    static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t seconds = (time_t)(wall_us / 1000000);
    struct tm t;
    CHECK(gmtime_r(&seconds, &t) != NULL);
    buf_printf(out, "Date: %s, %02d %s %04d %02d:%02d:%02d GMT\r\n", days[t.tm_wday], t.tm_mday, months[t.tm_mon],
               t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
}

void http_head(struct buf *out, int status, bool keep_alive, uint64_t content_length, int64_t wall_us) {
    buf_printf(out, "HTTP/1.1 %d %s\r\n", status, http_reason(status));
    date_add(out, wall_us);
    if (!keep_alive) BUF_ADD_LIT(out, "Connection: close\r\n");
    if (content_length != UINT64_MAX) buf_printf(out, "Content-Length: %llu\r\n", (unsigned long long)content_length);
}

/* Control characters become spaces: no value, wherever it comes from, can begin a header of its own. */
void http_header_add(struct buf *out, struct str name, struct str value) {
    buf_add_str(out, name);
    BUF_ADD_LIT(out, ": ");
    char *at = buf_reserve(out, value.len + 2);
    for (size_t i = 0; i < value.len; i++) {
        uint8_t c = (uint8_t)value.p[i];
        at[i] = c < ' ' || c == 127 ? ' ' : value.p[i];
    }
    buf_commit(out, value.len);
    BUF_ADD_LIT(out, "\r\n");
}
