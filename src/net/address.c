/*
 * address.c: who is at the other end: addresses as values, sets of networks, and the PROXY header (version 2) by which
 * a trusted proxy tells of a client. IPv4 is kept in its IPv6-mapped form everywhere, so there is one kind of
 * comparison. Pure functions; any thread.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/err.h"
#include "net/conn.h"
#include "net/listener.h"

static const uint8_t mapped_prefix[12] = {[10] = 0xff, [11] = 0xff};

static bool ip_is_mapped(const uint8_t ip[16]) {
    return memcmp(ip, mapped_prefix, sizeof(mapped_prefix)) == 0;
}

static void ip_map(uint8_t out[16], const void *ipv4) {
    memcpy(out, mapped_prefix, sizeof(mapped_prefix));
    memcpy(out + 12, ipv4, 4);
}

bool net_address_is_loopback(const struct net_address *a) {
    static const uint8_t one[16] = {[15] = 1};
    if (a->proxied) return false;
    return ip_is_mapped(a->ip) ? a->ip[12] == 127 : memcmp(a->ip, one, sizeof(one)) == 0;
}

void net_address_text(const struct net_address *a, char out[46]) {
    bool mapped = ip_is_mapped(a->ip);
    CHECK(inet_ntop(mapped ? AF_INET : AF_INET6, mapped ? a->ip + 12 : a->ip, out, 46) != NULL);
}

/* --- sets of networks --- */

struct net_range {
    uint8_t ip[16];
    uint8_t bits; /* of the mapped form */
};

struct net_set {
    size_t count;
    struct net_range ranges[];
};

/* "10.0.0.0/8", "::1"; bits behind the prefix are ignored. */
static int range_parse(struct str text, struct net_range *out) {
    size_t slash = str_index(text, '/');
    char ip[46];
    if (slash == 0 || slash >= sizeof(ip)) return ERR_INVALID;
    memcpy(ip, text.p, slash);
    ip[slash] = '\0';

    struct net_range range = {.bits = 128};
    struct in_addr ipv4;
    bool is_ipv4 = inet_pton(AF_INET, ip, &ipv4) == 1;
    if (is_ipv4)
        ip_map(range.ip, &ipv4);
    else if (inet_pton(AF_INET6, ip, range.ip) != 1)
        return ERR_INVALID;

    if (slash < text.len) {
        unsigned long long bits;
        if (!str_to_u64(str_from(text, slash + 1), is_ipv4 ? 32 : 128, &bits)) return ERR_INVALID;
        range.bits = (uint8_t)(is_ipv4 ? bits + 96 : bits);
    }
    *out = range;
    return 0;
}

/* Cuts the next word off *rest; empty at the end. */
static struct str word_next(struct str *rest) {
    static const char separators[] = " ,\t";
    size_t from = 0;
    while (from < rest->len && strchr(separators, rest->p[from])) from++;
    size_t to = from;
    while (to < rest->len && !strchr(separators, rest->p[to])) to++;
    struct str word = str_of(rest->p + from, to - from);
    *rest = str_from(*rest, to);
    return word;
}

int net_set_parse(struct str text, struct net_set **out) {
    size_t count = 0;
    for (struct str rest = text; str_some(word_next(&rest));) count++;
    struct net_set *set = calloc(1, sizeof(*set) + count * sizeof(set->ranges[0]));
    CHECK(set != NULL);
    for (struct str rest = text, word; str_some(word = word_next(&rest));) {
        if (range_parse(word, &set->ranges[set->count++]) == 0) continue;
        free(set);
        return ERR_INVALID;
    }
    *out = set;
    return 0;
}

void net_set_free(struct net_set **set) {
    free(*set);
    *set = NULL;
}

static bool range_has(const struct net_range *range, const uint8_t ip[16]) {
    unsigned bytes = range->bits / 8, bits = range->bits % 8;
    if (memcmp(range->ip, ip, bytes) != 0) return false;
    return bits == 0 || (range->ip[bytes] ^ ip[bytes]) >> (8 - bits) == 0;
}

bool net_set_has(const struct net_set *set, const struct net_address *a) {
    for (size_t i = 0; set && i < set->count; i++)
        if (range_has(&set->ranges[i], a->ip)) return true;
    return false;
}

/* --- PROXY protocol, version 2 --- */

#define PROXY_HEAD_LEN 16
#define PROXY_BODY_MAX 2048 /* addresses and what else proxies like to tell */

static const char proxy_signature[12] = "\r\n\r\n\0\r\nQUIT\n";

/* Family and transport as in the header: where the addresses lie. Others (UNIX, unspecified) tell no address that we
 * could use. */
static const struct proxy_family { uint8_t code, ip_len; } proxy_families[] = {{0x11, 4}, {0x21, 16}};

static int proxy_address(uint8_t code, const uint8_t *body, size_t body_len, struct net_address *out) {
    out->proxied = true;
    for (size_t i = 0; i < sizeof(proxy_families) / sizeof(proxy_families[0]); i++) {
        const struct proxy_family *family = &proxy_families[i];
        if (family->code != code) continue;
        size_t ports = 2 * (size_t)family->ip_len;
        if (body_len < ports + 4) return ERR_INVALID;
        if (family->ip_len == 4)
            ip_map(out->ip, body);
        else
            memcpy(out->ip, body, 16);
        out->port = (uint16_t)(body[ports] << 8 | body[ports + 1]);
        return 0;
    }
    return 0;
}

int proxy_v2_parse(struct str bytes, struct net_address *out_address, size_t *out_len) {
    size_t seen = bytes.len < sizeof(proxy_signature) ? bytes.len : sizeof(proxy_signature);
    if (seen && memcmp(bytes.p, proxy_signature, seen) != 0) return ERR_INVALID;
    if (bytes.len < PROXY_HEAD_LEN) return ERR_AGAIN;

    const uint8_t *head = (const uint8_t *)bytes.p;
    uint8_t version = head[12] >> 4, command = head[12] & 15;
    size_t body_len = (size_t)(head[14] << 8 | head[15]);
    if (version != 2 || command > 1 || body_len > PROXY_BODY_MAX) return ERR_INVALID;
    if (bytes.len < PROXY_HEAD_LEN + body_len) return ERR_AGAIN;

    if (command == 1) {
        struct net_address address = *out_address;
        int err = proxy_address(head[13], head + PROXY_HEAD_LEN, body_len, &address);
        if (err) return err;
        *out_address = address;
    }
    *out_len = PROXY_HEAD_LEN + body_len;
    return 0;
}
