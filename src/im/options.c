/*
 * options.c: the table of all options: name, type, default, bounds and the sentence that documents it. The sample
 * configuration, docs/config.md and the checks at start all come from here, so none can differ from the program.
 */
#include "im/options.h"

#define AT(member) offsetof(struct options, member)
#define TEXT(section, name, member, preset, text)                                                                      \
    { section, name, CONF_STR, AT(member), preset, 0, 0, NULL, text, false }
#define YES_NO(section, name, member, preset, text)                                                                    \
    { section, name, CONF_BOOL, AT(member), preset, 0, 0, NULL, text, false }
#define CHOICE(section, name, member, preset, choices, text)                                                           \
    { section, name, CONF_CHOICE, AT(member), preset, 0, 0, choices, text, false }
#define NUMBER(section, name, member, preset, min, max, text)                                                          \
    { section, name, CONF_INT, AT(member), preset, min, max, NULL, text, false }
#define LIMIT_N(name, member, preset, min, max, text)                                                                  \
    { "limits", name, CONF_INT, AT(member), preset, min, max, NULL, text, true }
#define LIMIT_B(name, member, preset, min, max, text)                                                                  \
    { "limits", name, CONF_SIZE, AT(member), preset, min, max, NULL, text, true }
#define LIMIT_T(name, member, preset, min, max, text)                                                                  \
    { "limits", name, CONF_DURATION, AT(member), preset, min, max, NULL, text, true }
#define END_OF_TABLE                                                                                                   \
    { NULL, NULL, CONF_STR, 0, NULL, 0, 0, NULL, NULL, false }

#define SECOND 1000
#define HOUR (3600 * SECOND)
#define KIB 1024
#define MIB (1024 * KIB)

static const struct conf_option server_options[] = {
    TEXT("server", "domain", domain, "localhost", "The domain of the addresses: people are NAME@domain."),
    TEXT("server", "data_dir", data_dir, "./data", "Where the database, the certificate and the files are kept."),
    TEXT("server", "web_dir", web_dir, "./web/dist", "The built app that is served to browsers; empty: none."),
    TEXT("server", "shards", shards, "auto", "Threads that own accounts: auto (one a core) or a number from 1 to 64."),
    NUMBER("server", "gates", gates, "1", 1, 16, "Threads that accept connections and prove identities."),
    TEXT("server", "admins", admins, "", "Addresses of the people who administer this server, separated by spaces."),
    TEXT("server", "contact", contact, "",
         "Where users reach a human (XEP-0157): mailto: or xmpp: addresses, separated by spaces."),
    YES_NO("server", "allow_root", allow_root, "no", "Whether the program may run as root."),
    CHOICE("server", "database", database, "sqlite", "sqlite|postgresql",
           "The database. postgresql is not there yet: the program says so and stops."),
    TEXT("server", "log_level", log_level, "info", "error, warn, info or debug."),
    END_OF_TABLE,
};

static const struct conf_option listen_options[] = {
    TEXT("listen", "c2s", c2s, "127.0.0.1:5222", "XMPP with STARTTLS; empty: off."),
    TEXT("listen", "c2s_tls", c2s_tls, "127.0.0.1:5223", "XMPP over direct TLS (XEP-0368); empty: off."),
    TEXT("listen", "http", http, "127.0.0.1:5280", "The app and WebSocket without TLS; empty: off."),
    TEXT("listen", "https", https, "127.0.0.1:5443", "The app and WebSocket over TLS; empty: off."),
    TEXT("listen", "proxies", proxies, "",
         "Addresses or networks of proxies whose PROXY v2 headers and X-Forwarded-* are believed."),
    TEXT("listen", "metrics", metrics, "",
         "Address that serves /metrics to Prometheus; empty: only the admin socket does."),
    END_OF_TABLE,
};

static const struct conf_option tls_options[] = {
    {"tls", "certificate", CONF_STR, AT(certificate), "", 0, 0, NULL,
     "PEM file with the certificate chain; none: a self-signed pair is made in data_dir.", true},
    {"tls", "key", CONF_STR, AT(key), "", 0, 0, NULL, "PEM file with its private key.", true},
    END_OF_TABLE,
};

static const struct conf_option auth_options[] = {
    CHOICE("auth", "plaintext", plaintext, "never", "never|loopback",
           "Whether people may sign in without TLS: never, or from this very machine."),
    CHOICE("auth", "registration", registration, "closed", "open|closed",
           "Whether strangers may create accounts in the app or by XEP-0077."),
    YES_NO("auth", "sasl_plain", sasl_plain, "no", "Offer SASL PLAIN under TLS, for clients without SCRAM."),
    NUMBER("auth", "iterations", iterations, "10000", 4096, 1000000, "PBKDF2 rounds for new passwords."),
    {"auth", "token_time", CONF_DURATION, AT(token_ms), "60d", 0, 400 * 24 * (int64_t)HOUR, NULL,
     "How long an app can come back by its token (XEP-0484) before it must prove the password again; 0: no tokens.",
     false},
    {"auth", "client_time", CONF_DURATION, AT(client_ms), "365d", 24 * (int64_t)HOUR, 4000 * 24 * (int64_t)HOUR, NULL,
     "How long an app or device that does not come back stays in its account's list (XEP-0494).", false},
    TEXT("auth", "reserved", reserved,
         "abuse admin administrator hostmaster info noreply postmaster root security support webmaster xmpp",
         "Names that nobody can register."),
    END_OF_TABLE,
};

static const struct conf_option archive_options[] = {
    CHOICE(
        "archive", "default", archive_default, "always", "always|roster|never",
        "Which messages archives hold: all, those with contacts, or none. Each account may say otherwise (XEP-0441)."),
    {"archive", "keep", CONF_DURATION, AT(keep_ms), "0", 0, 100 * 365 * 24 * (int64_t)HOUR, NULL,
     "How long archives hold messages, read or not (365d); 0: for good. A short time reads as lost history.", false},
    YES_NO("archive", "search_index", search_index, "yes",
           "Keep an index of the words in archives, about as large as the messages; no: searches read the archives "
           "themselves, which is slow where there is much."),
    END_OF_TABLE,
};

static const struct conf_option media_options[] = {
    TEXT("media", "public_url", public_url, "",
         "Where files are fetched from when a CDN or a proxy stands before this server, without the slash at its end "
         "(https://files.example.org); empty: from this server."),
    TEXT("media", "upload_url", upload_url, "",
         "Where files are uploaded to when a proxy stands before this server; empty: its own HTTPS."),
    YES_NO("media", "sign", sign, "no",
           "With public_url: addresses in messages stay those of this server, which sends on to one there that "
           "expires; what a CDN "
           "has copied ends with it."),
    {"media", "sign_time", CONF_DURATION, AT(sign_ms), "1h", SECOND, 30 * 24 * (int64_t)HOUR, NULL,
     "How long such an address lasts at least; twice as long at most.", false},
    TEXT("media", "types", media_types, "",
         "Types that may be uploaded, separated by spaces (image/* application/pdf); empty: all."),
    END_OF_TABLE,
};

static const struct conf_option limit_options[] = {
    {"limits", "rates", CONF_BOOL, AT(rates), "yes", 0, 0, NULL,
     "no or off switches every rate limit off (benchmarks on loopback).", true},
    LIMIT_B("stanza_bytes", stanza_bytes, "256k", 10000, 16 * MIB,
            "Largest stanza after sign-in (advertised by XEP-0478)."),
    LIMIT_B("stanza_bytes_unauthenticated", stanza_bytes_unauthenticated, "16k", 4096, MIB,
            "Largest element before sign-in."),
    LIMIT_N("depth", depth, "32", 4, 1000, "Elements inside one another."),
    LIMIT_N("attributes", attributes, "64", 8, 1000, "Attributes of one element."),
    LIMIT_N("children", children, "4000", 16, 100000, "Nodes and attributes of one stanza."),
    LIMIT_T("unauthenticated_time", unauthenticated_ms, "30s", SECOND, HOUR,
            "How long a connection may take to sign in."),
    LIMIT_T("idle_ping", idle_ping_ms, "4m", SECOND, 24 * HOUR, "A connection that was silent for so long is pinged."),
    LIMIT_T("dead_time", dead_ms, "30s", SECOND, HOUR, "How long the answer to that ping may take."),
    LIMIT_N("connections", connections, "18000", 10, 1000000, "Connections in all."),
    LIMIT_N("connections_per_address", connections_per_address, "200", 1, 1000000,
            "Connections of one IPv4 address or IPv6 /64 (none for loopback while it is not behind a proxy)."),
    LIMIT_N("connections_per_prefix", connections_per_prefix, "1000", 1, 1000000,
            "Connections of one IPv4 /24 or IPv6 /48."),
    LIMIT_N("unauthenticated", unauthenticated, "4000", 10, 1000000,
            "Connections that have not signed in yet, in all."),
    LIMIT_B("bytes_per_second", bytes_per_s, "128k", 1024, 1024 * (int64_t)MIB,
            "Bytes a second that the sessions of one account may send together on average."),
    LIMIT_B("bytes_burst", bytes_burst, "1M", 4096, 1024 * (int64_t)MIB,
            "Bytes that they may send at once before they are slowed; signing in anew gives no more."),
    LIMIT_N("stanzas_per_second", stanzas_per_s, "50", 1, 1000000,
            "Stanzas a second that the sessions of one account may send together on average."),
    LIMIT_N("stanzas_burst", stanzas_burst, "500", 10, 1000000,
            "Stanzas that they may send at once before they are slowed."),
    LIMIT_N("roster_items", roster_items, "5000", 10, 100000, "Contacts of one account."),
    LIMIT_B("roster_bytes", roster_bytes, "2M", 65536, 64 * MIB,
            "Bytes of all of them together, with names and groups, as they are sent."),
    LIMIT_N("blocked_items", blocked_items, "5000", 10, 100000, "Addresses that one account blocks."),
    LIMIT_N("requests", requests, "200", 1, 10000, "Requests of strangers to be a contact that wait for one account."),
    LIMIT_N("resources", resources, "20", 1, 1000, "Sessions of one account."),
    LIMIT_N("offline_page", offline_page, "50", 1, 1000,
            "Messages read at once for a client that gets what it missed."),
    LIMIT_N("sm_queue", sm_queue, "2000", 10, 100000, "Stanzas that wait for one session's acknowledgement."),
    LIMIT_B("sm_queue_bytes", sm_queue_bytes, "2M", 65536, 1024 * (int64_t)MIB, "The same in bytes."),
    LIMIT_N("sm_account", sm_account, "6000", 10, 1000000,
            "Stanzas that wait for all sessions of one account together: to be acknowledged, or for a socket."),
    LIMIT_B(
        "sm_account_bytes", sm_account_bytes, "8M", 65536, 1024 * (int64_t)MIB,
        "The same in bytes; above it sessions without a connection end first, then the one that is furthest behind."),
    LIMIT_T("sm_resume_time", sm_resume_ms, "10m", SECOND, 24 * HOUR,
            "How long a session whose connection broke can be resumed."),
    LIMIT_N("acks_busy", acks_busy, "1000", 0, 1000000000,
            "Acknowledgements a second of one shard above which each waits for something else that goes to the same "
            "client: 250 ms for each so many a second, one second at most."),
    LIMIT_B("output_high", output_high, "256k", 16384, 64 * MIB,
            "Unsent bytes of a connection above which large answers wait."),
    LIMIT_B("output_max", output_max, "4M", 65536, 1024 * (int64_t)MIB,
            "Unsent bytes at which a reader that is too slow, and has no stream management, is let go."),
    LIMIT_B("store_waiting", store_waiting, "32M", 4096, 64 * (int64_t)1024 * MIB,
            "Bytes that wait for the disk, above which clients are not read until half of it is written."),
    LIMIT_B("shard_waiting", shard_waiting, "64M", 4096, 64 * (int64_t)1024 * MIB,
            "Bytes that wait for one shard, above which who sends it more is not read until half of it is done."),
    LIMIT_B("session_waiting", session_waiting, "1M", 4096, 1024 * (int64_t)MIB,
            "Bytes sent by one session and not yet stored, above which it is not read until half of it is."),
    LIMIT_N("clients", clients, "50", 1, 1000,
            "Apps and devices remembered of one account; the one not seen for longest makes room."),
    LIMIT_N("directed", directed, "500", 1, 100000,
            "Addresses outside the contacts that one session shows its presence to."),
    LIMIT_N("rooms", rooms, "500", 1, 100000, "Rooms (XEP-0045) that one account may own."),
    LIMIT_N("room_presence", room_presence, "500", 1, 100000,
            "Occupants of a room above which it tells no more who comes and goes (moderators excepted): lists are read "
            "in pages then."),
    LIMIT_N("inbox_page", inbox_page, "500", 1, 1000, "Most conversations in a page of the inbox."),
    LIMIT_N("mam_page", mam_page, "250", 1, 1000, "Largest page of the archive."),
    LIMIT_N("archive_listed", archive_listed, "1000", 1, 100000, "Addresses in one account's archiving preferences."),
    LIMIT_N("failures_per_minute", failures_per_minute, "20", 1, 100000,
            "Failed sign-ins of one address prefix a minute before it is slowed."),
    LIMIT_N("registrations_per_hour", registrations_per_hour, "10", 1, 100000,
            "New accounts an hour from one IPv4 address or IPv6 /64."),
    LIMIT_N("registrations_total_per_hour", registrations_total_per_hour, "1000", 1, 1000000,
            "New accounts an hour in all."),
    LIMIT_T("idle_accounts_time", idle_accounts_ms, "60s", SECOND, 24 * HOUR,
            "How long an account without sessions stays in memory."),
    LIMIT_B("vcard_size", vcard_bytes, "128k", 0, MIB, "Largest vCard of an account (XEP-0054)."),
    LIMIT_B("private_size", private_bytes, "64k", 0, MIB,
            "Largest element of an account's private storage (XEP-0049)."),
    LIMIT_N("private_items", private_items, "100", 1, 10000, "Elements of an account's private storage."),
    LIMIT_N("pep_nodes", pep_nodes, "500", 1, 100000, "Nodes of one account's publish-subscribe (XEP-0163)."),
    LIMIT_N("pep_items", pep_items, "5000", 1, 100000, "Items kept of one node, whatever it asks for."),
    LIMIT_B("pep_item_size", pep_item_bytes, "192k", 1024, 16 * MIB, "Largest item of a node."),
    LIMIT_B("pep_size", pep_bytes, "32M", 1024, 1024 * (int64_t)MIB, "Bytes of all items of one account."),
    LIMIT_N("pep_people", pep_people, "1000", 1, 100000,
            "People with a part in one node: subscribers, members, those kept out."),
    LIMIT_B("file_size", file_bytes, "2G", 0, 1024 * 1024 * (int64_t)MIB,
            "Largest file that may be uploaded; 0: none."),
    LIMIT_B("profile_size", profile_bytes, "4M", 0, 1024 * (int64_t)MIB,
            "Largest file uploaded for a profile, which is kept however old it is."),
    LIMIT_B("media_quota", media_quota, "10G", 0, 1024 * 1024 * (int64_t)MIB, "Bytes of all files of one account."),
    LIMIT_N("slots_per_hour", slots_per_hour, "500", 1, 1000000, "Files that one account may begin to upload an hour."),
    LIMIT_T("slot_time", slot_ms, "1h", SECOND, 30 * 24 * (int64_t)HOUR,
            "How long leave to upload lasts when it is not used, and a broken upload when it is not resumed."),
    LIMIT_T("file_age", file_age_ms, "0", 0, 100 * 365 * 24 * (int64_t)HOUR, "How long files are kept; 0: for good."),
    LIMIT_B("disk_reserve", disk_reserve, "128M", 0, 1024 * 1024 * 1024 * (int64_t)MIB,
            "Bytes of the disk that uploads leave free, so that the database can always write."),
    END_OF_TABLE,
};

static const struct conf_option debug_options[] = {
    YES_NO("debug", "relay", relay, "no", "Leave connections at their gate and relay, as between nodes (for tests)."),
    {"debug", "lock_time", CONF_DURATION, AT(lock_ms), "10s", SECOND, HOUR, NULL,
     "How long a write waits for a lock that another program holds on the database, before it fails.", false},
    TEXT("debug", "trace", trace, "", "Address whose stanzas are logged from the start."),
    END_OF_TABLE,
};

const struct conf_option *const option_tables[] = {
    server_options, listen_options, tls_options,   auth_options, archive_options,
    media_options,  limit_options,  debug_options, NULL,
};
