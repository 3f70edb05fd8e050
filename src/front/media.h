/* media.h: uploaded files over HTTP: what the two routes share. On the shard that has the connection. */
#ifndef CONFAB_FRONT_MEDIA_H
#define CONFAB_FRONT_MEDIA_H

#include "front/route.h"
#include "im/media.h"

/* Headers that every answer of these routes has (any page may read them), behind route_head. */
void media_headers(struct buf *out);
/* A whole answer, and the end of the exchange. more: headers, each with its CRLF; text: why, in a line. */
void media_answer(struct web_conn *w, struct turn *turn, int status, struct str more, struct str text);

/* id: SLOT_ID_LEN characters of the path. Each takes the connection over. */
void media_upload(struct exchange *x, struct str secret); /* PUT, PATCH, HEAD, DELETE */
void media_download(struct exchange *x, struct str id,
                    int64_t until_us); /* GET, HEAD. Nobody keeps it for longer; 0: for good */

#endif
