/*
 * err.c: the texts of err.h, from its one list. Pure; any thread.
 */
#include "base/err.h"

static const struct {
    const char *name, *text;
} errors[] = {
#define ERR_ROW(name, text) {#name, text},
    ERR_MAP(ERR_ROW)
#undef ERR_ROW
};

#define ERRORS ((int)(sizeof errors / sizeof errors[0]))

const char *err_name(int err) {
    if (err == 0) return "OK";
    return err > ERR_BASE_ && err <= ERR_BASE_ + ERRORS ? errors[err - ERR_BASE_ - 1].name : "UNKNOWN";
}

const char *err_text(int err) {
    if (err == 0) return "OK";
    return err > ERR_BASE_ && err <= ERR_BASE_ + ERRORS ? errors[err - ERR_BASE_ - 1].text : "unknown error";
}
