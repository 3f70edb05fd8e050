/* archive.c: hooks the archive service (im/archive.c) into the grid, with the ids of XEP-0359. Queries are in mam.c. */
#include "im/archive.h"

#include "im/feature.h"

static const struct str archive_disco[] = {STR_INIT("urn:xmpp:sid:0"), {NULL, 0}};

static const struct hook archive_hooks[] = {
    {OUT, STANZA_MESSAGE, TO(SELF) | TO(ACCOUNT) | TO(FULL), STAGE_STAMP, archive_stamp_out, "archive-place"},
    {IN, STANZA_MESSAGE, TO(SELF) | TO(ACCOUNT) | TO(FULL), STAGE_STAMP, archive_stamp_in, "archive-id"},
    {IN, STANZA_MESSAGE, TO(SELF) | TO(ACCOUNT) | TO(FULL), STAGE_ARCHIVE, archive_keep, "archive-keep"},
    {0, 0, 0, 0, NULL, NULL},
};

const struct feature feature_archive = {
    .name = "archive",
    .spec = "XEP-0359, XEP-0334",
    .version = "0.7.0, 1.0.0",
    .text = "Every kept message is in both archives before anybody sees it; opaque rising ids; forged ones are "
            "removed; sent again is kept once.",
    .disco_account = archive_disco,
    .hooks = archive_hooks,
};
