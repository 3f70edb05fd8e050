/* web_files.h: the built app in memory: read once at start, immutable after, shared by all threads. */
#ifndef CONFAB_FRONT_WEB_FILES_H
#define CONFAB_FRONT_WEB_FILES_H

#include "front/web.h"
#include "net/http.h"

enum web_coding { WEB_BR, WEB_GZIP, WEB_PLAIN, WEB_CODINGS }; /* in the order of preference */

struct web_body {
    struct str bytes; /* STR_NONE: there is no such form of the file */
    char etag[32];    /* with its quotes */
};

struct web_file {
    struct str path;     /* "/assets/index-DRBl0KOF.js" */
    const char *type;    /* Content-Type */
    const char *caching; /* Cache-Control */
    struct web_body bodies[WEB_CODINGS];
};

/* "/" is "/index.html". NULL: none. */
const struct web_file *web_files_find(const struct web_files *files, struct str path);
/* The form that this client takes; never an absent one. */
enum web_coding web_file_choose(const struct web_file *file, const struct http_request *request);
/* It has more forms than one: the answer depends on Accept-Encoding. */
bool web_file_varies(const struct web_file *file);
const char *web_coding_name(enum web_coding coding); /* NULL: plain */
/* What If-None-Match says (RFC 9110 13.1.2): the client has that form already. */
bool web_etag_matches(struct str if_none_match, struct str etag);

#endif
