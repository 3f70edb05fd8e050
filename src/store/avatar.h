/* avatar.h: the picture that an account shows, as its nodes have it (XEP-0084). Plain synchronous functions; a worker calls them inside a job. */
#ifndef CONFAB_STORE_AVATAR_H
#define CONFAB_STORE_AVATAR_H

#include "store/items.h"

#define AVATAR_DATA STR("urn:xmpp:avatar:data")
#define AVATAR_METADATA STR("urn:xmpp:avatar:metadata")

enum { AVATAR_HASH_LEN = 20 /* SHA-1 */ };

struct avatar_row {
    uint8_t hash[AVATAR_HASH_LEN];
    struct node_row metadata, data; /* who may see it is theirs to say */
    struct str type;                /* as its owner says: image/png */
    struct str picture;             /* base64, unchecked */
};

/* What its owner has published last; strings in the arena. ERR_NOT_FOUND: no picture, or one that is not here. */
int avatar_find(struct db *db, struct arena *arena, int64_t account, struct avatar_row *out);
/* In the account's row. hash: STR_NONE: none. Writer. */
int avatar_keep(struct db *db, int64_t account, struct str hash, bool *out_changed);

#endif
