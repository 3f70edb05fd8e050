/*
 * err.c: the texts of err.h, from its one list. Pure; any thread.
 */
#include "base/err.h"

#include <stddef.h>

static const struct {
    const char *name, *text;
} errors[] = {
#define ERR_ROW(name, text) {#name, text},
    ERR_MAP(ERR_ROW)
#undef ERR_ROW
};

/* Index in the table of a value of enum err; its length for anything else. */
static size_t err_index(int err) {
    const int count = (int)(sizeof errors / sizeof errors[0]);
    int i = err - ERR_BASE_ - 1;
    return (size_t)(i >= 0 && i < count ? i : count);
}

const char *err_text(int err) {
    if (err == 0) return "OK";
    size_t i = err_index(err);
    return i < sizeof errors / sizeof errors[0] ? errors[i].text : "unknown error";
}

const char *err_name(int err) {
    if (err == 0) return "OK";
    size_t i = err_index(err);
    return i < sizeof errors / sizeof errors[0] ? errors[i].name : "UNKNOWN";
}
