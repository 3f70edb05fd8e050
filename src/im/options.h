/* options.h: every option of the program, as values. The tables that read and document them are in options.c. */
#ifndef CONFAB_IM_OPTIONS_H
#define CONFAB_IM_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/conf.h"
#include "base/str.h"

enum option_plaintext { PLAINTEXT_NEVER, PLAINTEXT_LOOPBACK };
enum option_registration { REGISTRATION_OPEN, REGISTRATION_CLOSED };
enum option_archive { ARCHIVE_ALWAYS, ARCHIVE_ROSTER, ARCHIVE_NEVER };
enum option_database { DATABASE_SQLITE, DATABASE_POSTGRESQL };

struct options {
    /* [server] */
    struct str domain, data_dir, admins, web_dir, log_level, contact;
    struct str shards; /* "auto" or a number */
    int64_t gates;
    bool allow_root;
    int64_t database;
    /* [listen] */
    struct str c2s, c2s_tls, http, https, proxies, metrics;
    /* [tls] */
    struct str certificate, key;
    /* [auth] */
    int64_t plaintext, registration, iterations, token_ms, client_ms;
    bool sasl_plain;
    struct str reserved;
    /* [archive] */
    int64_t archive_default, keep_ms;
    bool search_index;
    /* [media] */
    struct str public_url, upload_url, media_types;
    bool sign;
    int64_t sign_ms;
    /* [limits] */
    bool rates;
    int64_t stanza_bytes, stanza_bytes_unauthenticated, depth, attributes, children;
    int64_t unauthenticated_ms, idle_ping_ms, dead_ms;
    int64_t connections, connections_per_address, connections_per_prefix, unauthenticated;
    int64_t bytes_per_s, bytes_burst, stanzas_per_s, stanzas_burst;
    int64_t roster_items, roster_bytes, blocked_items, requests, resources, offline_page;
    int64_t sm_queue, sm_queue_bytes, sm_account, sm_account_bytes, sm_resume_ms, acks_busy;
    int64_t output_high, output_max;
    int64_t store_waiting, shard_waiting, session_waiting;
    int64_t clients, directed, rooms, room_presence, mam_page, inbox_page, archive_listed;
    int64_t failures_per_minute, registrations_per_hour, registrations_total_per_hour;
    int64_t idle_accounts_ms;
    int64_t vcard_bytes, private_bytes, private_items;
    int64_t pep_nodes, pep_items, pep_item_bytes, pep_bytes, pep_people;
    int64_t file_bytes, profile_bytes, media_quota, slots_per_hour, slot_ms, file_age_ms, disk_reserve;
    /* [debug] */
    bool relay;
    int64_t lock_ms;
    struct str trace;
};

extern const struct conf_option *const option_tables[]; /* for conf_load */

#endif
