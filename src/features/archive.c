/* archive.c: hooks the archive service (im/archive.c) into the grid, with the ids of XEP-0359. Queries are in mam.c. */
#include "im/archive.h"

#include "im/feature.h"

static const struct str archive_disco[] = {STR_INIT("urn:xmpp:sid:0"),
                                           STR_INIT("urn:xmpp:hints"),
                                           STR_INIT("urn:xmpp:message-retract:1"),
                                           STR_INIT("urn:xmpp:message-retract:1#tombstone"),
                                           {NULL, 0}};

static const struct hook archive_hooks[] = {
    {OUT, STANZA_MESSAGE, TO(SELF) | TO(ACCOUNT) | TO(FULL), STAGE_STAMP, archive_stamp_out, "archive-place"},
    {IN, STANZA_MESSAGE, TO(SELF) | TO(ACCOUNT) | TO(FULL), STAGE_STAMP, archive_stamp_in, "archive-id"},
    {IN, STANZA_MESSAGE, TO(SELF) | TO(ACCOUNT) | TO(FULL), STAGE_ARCHIVE, archive_keep, "archive-keep"},
    {0, 0, 0, 0, NULL, NULL},
};

const struct feature feature_archive = {
    .name = "archive",
    .spec = "XEP-0359, XEP-0334, XEP-0424",
    .version = "0.7.0, 1.0.0, 0.4.2",
    .text = "Every kept message is in both archives before anybody sees it; opaque rising ids; forged ones are "
            "removed; sent again is kept once. What its author retracts becomes a tombstone in both archives, with its "
            "corrections: by its origin-id however old it is, else among the last of the conversation.",
    .disco_account = archive_disco,
    .hooks = archive_hooks,
};
