/*
 * words.c: words on a line. Inside double quotes a space is a space, and a backslash takes the next character as it is. Control characters are
 * refused both ways, so that a line is a line. Pure functions.
 */
#include "admin/words.h"

#include "base/err.h"

static bool is_control(char c) {
    return (unsigned char)c < 0x20 || c == 0x7f;
}

/* One word at the start of `in`, without spaces before it; its plain text goes to `out`. Bytes taken, or 0: bad quoting. */
static size_t word_take(struct str in, char *out, size_t *out_len) {
    bool quoted = false;
    size_t at = 0, len = 0;
    for (; at < in.len && (quoted || in.p[at] != ' '); at++) {
        if (in.p[at] == '"') {
            quoted = !quoted;
        } else if (in.p[at] != '\\' || !quoted) {
            out[len++] = in.p[at];
        } else if (++at < in.len) {
            out[len++] = in.p[at];
        }
    }
    *out_len = len;
    return quoted ? 0 : at;
}

int words_parse(struct arena *arena, struct str line, struct str *out, unsigned max, unsigned *out_count) {
    char *text = arena_alloc(arena, line.len);
    unsigned count = 0;
    for (size_t i = 0; i < line.len; i++) {
        if (is_control(line.p[i])) return ERR_INVALID;
    }
    for (struct str left = line; left.len;) {
        if (left.p[0] == ' ') {
            left = str_from(left, 1);
            continue;
        }
        if (count == max) return ERR_LIMIT;
        size_t len, taken = word_take(left, text, &len);
        if (!taken) return ERR_INVALID;
        out[count++] = str_of(text, len);
        text += len;
        left = str_from(left, taken);
    }
    *out_count = count;
    return 0;
}

int words_add(struct buf *line, struct str word) {
    bool quote = word.len == 0;
    for (size_t i = 0; i < word.len; i++) {
        if (is_control(word.p[i])) return ERR_INVALID;
        quote = quote || word.p[i] == ' ' || word.p[i] == '"' || word.p[i] == '\\';
    }
    if (buf_len(line)) buf_add_char(line, ' ');
    if (!quote) {
        buf_add_str(line, word);
        return 0;
    }
    buf_add_char(line, '"');
    for (size_t i = 0; i < word.len; i++) {
        if (word.p[i] == '"' || word.p[i] == '\\') buf_add_char(line, '\\');
        buf_add_char(line, word.p[i]);
    }
    buf_add_char(line, '"');
    return 0;
}
