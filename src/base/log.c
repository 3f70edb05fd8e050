/*
 * log.c: an event becomes one line in a buffer on the stack and one write(), so that lines of different threads do
 * not mix and nothing is allocated (check.c uses this when the heap may be broken). A line has at most 4 KiB; values
 * of a stranger's length are cut. Any thread.
 *
 * What must hold: no value can end a line, forge a field or steer a terminal. So a value is quoted unless it is
 * plain, and controls, broken UTF-8 and the direction and line characters of Unicode are written as \xNN.
 */
#include "base/log.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/codec.h"
#include "base/err.h"

#define LINE_MAX_LEN 4096
#define VALUE_MAX_LEN 1024

struct line {
    char p[LINE_MAX_LEN];
    size_t len; /* < sizeof p: the line feed always fits */
};

static _Atomic int level_now = LOG_INFO;

static const char *const level_names[] = {"error", "warn", "info", "debug"};

void log_set_level(enum log_level level) {
    atomic_store_explicit(&level_now, (int)level, memory_order_relaxed);
}

enum log_level log_level(void) {
    return (enum log_level)atomic_load_explicit(&level_now, memory_order_relaxed);
}

bool log_level_parse(struct str name, enum log_level *out) {
    for (size_t i = 0; i < sizeof level_names / sizeof level_names[0]; i++) {
        if (str_eq(name, str_c(level_names[i]))) {
            *out = (enum log_level)i;
            return true;
        }
    }
    return false;
}

static void line_add(struct line *line, const char *p, size_t len) {
    size_t room = sizeof line->p - 1 - line->len;
    if (len > room) len = room;
    memcpy(line->p + line->len, p, len);
    line->len += len;
}

static void line_add_c(struct line *line, const char *text) {
    line_add(line, text, strlen(text));
}

/* Characters that may steer a terminal or look like the end of a line: C0, C1, line separators, direction marks. */
static bool is_steering(uint32_t c) {
    return c < 0x20 || (c >= 0x7f && c <= 0x9f) || (c >= 0x200e && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

/* Bytes that may stand in a value without quotes. */
static bool is_plain(struct str s) {
    if (s.len == 0) return false;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c <= 0x20 || c >= 0x7f || c == '"' || c == '=' || c == '\\') return false;
    }
    return true;
}

static void line_add_escaped(struct line *line, struct str s) {
    while (s.len) {
        uint32_t c = 0;
        size_t n = utf8_next(s, &c);
        if (n && !is_steering(c)) {
            if (c == '"' || c == '\\') line_add(line, "\\", 1);
            line_add(line, s.p, n);
        } else {
            n = n ? n : 1;
            for (size_t i = 0; i < n; i++) {
                char hex[8];
                snprintf(hex, sizeof hex, "\\x%02x", (unsigned)(unsigned char)s.p[i]);
                line_add(line, hex, 4);
            }
        }
        s = str_from(s, n);
    }
}

static void line_add_value(struct line *line, struct str s) {
    struct str shown = str_first(s, VALUE_MAX_LEN);
    if (is_plain(s) && shown.len == s.len) {
        line_add(line, s.p, s.len);
        return;
    }
    line_add(line, "\"", 1);
    line_add_escaped(line, shown);
    line_add_c(line, shown.len < s.len ? "...\"" : "\"");
}

static void line_add_time(struct line *line) {
    struct timespec now;
    struct tm utc;
    char text[40];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    line_add(line, text, strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc));
    snprintf(text, sizeof text, ".%03dZ", (int)(now.tv_nsec / 1000000));
    line_add_c(line, text);
}

static void line_add_field(struct line *line, const struct log_field *field) {
    char number[24];
    line_add(line, " ", 1);
    line_add_c(line, field->key);
    line_add(line, "=", 1);
    switch (field->kind) {
    case LOG_STR:
        line_add_value(line, field->s);
        break;
    case LOG_INT:
        snprintf(number, sizeof number, "%lld", (long long)field->i);
        line_add_c(line, number);
        break;
    case LOG_ERR:
        line_add_c(line, err_name((int)field->i));
        break;
    }
}

void log_event(enum log_level level, const char *event, size_t n, const struct log_field *fields) {
    struct line line;
    line.len = 0;
    line_add_time(&line);
    line_add(&line, " ", 1);
    line_add_c(&line, level_names[level]);
    line_add_c(&line, " event=");
    line_add_c(&line, event);
    for (size_t i = 0; i < n; i++) line_add_field(&line, &fields[i]);
    line.p[line.len++] = '\n';

    int saved = errno; /* logging must not disturb what is being reported */
    while (write(STDERR_FILENO, line.p, line.len) < 0 && errno == EINTR) continue;
    errno = saved;
}
