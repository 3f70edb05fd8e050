/* listener_test.c: accepting, addresses to listen on, sets of networks, the PROXY header. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/err.h"
#include "base/log.h"
#include "net/listener.h"

static struct loop *loop;
static struct arena *arena;

struct guests {
    struct listener *listener;
    int count, last_fd;
    struct net_address last;
    bool close_at_first;
};

static void on_accept(void *owner, int fd, const struct net_address *peer) {
    struct guests *guests = owner;
    guests->count++;
    guests->last = *peer;
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    close(fd);
    if (guests->close_at_first) listener_close(&guests->listener);
}

static int listen_on(const char *address, bool reuse_port, struct guests *guests) {
    struct str message = STR_NONE;
    int err = listener_open(loop, str_c(address), reuse_port, on_accept, guests, arena, &guests->listener, &message);
    if (err) assert_true(str_some(message));
    return err;
}

static int call_ipv4(uint16_t port) {
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0);
    return fd;
}

static int set_up(void **state) {
    (void)state;
    loop = loop_new();
    arena = arena_new();
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    loop_free(&loop);
    arena_free(&arena);
    return 0;
}

static void test_accepts(void **state) {
    (void)state;
    struct guests guests = {0};
    assert_int_equal(listen_on("127.0.0.1:0", false, &guests), 0);
    uint16_t port = listener_port(guests.listener);
    assert_true(port > 0);
    int fds[70];
    for (int i = 0; i < 70; i++) fds[i] = call_ipv4(port);
    loop_turn(loop, false);
    assert_int_equal(guests.count, 64);
    loop_turn(loop, false);
    assert_int_equal(guests.count, 70);
    char text[46];
    net_address_text(&guests.last, text);
    assert_string_equal(text, "127.0.0.1");
    assert_true(net_address_is_loopback(&guests.last) && guests.last.port > 0 && !guests.last.proxied);
    for (int i = 0; i < 70; i++) close(fds[i]);

    struct guests twin = {0}; /* the port is taken, and not to be shared */
    char address[32];
    snprintf(address, sizeof(address), "127.0.0.1:%u", port);
    assert_int_equal(listen_on(address, false, &twin), ERR_IO);
    listener_close(&guests.listener);
    listener_close(&guests.listener);
}

static void test_shared_port(void **state) {
    (void)state;
    struct guests a = {0}, b = {0};
    assert_int_equal(listen_on("127.0.0.1:0", true, &a), 0);
    char address[32];
    snprintf(address, sizeof(address), "127.0.0.1:%u", listener_port(a.listener));
    assert_int_equal(listen_on(address, true, &b), 0);
    listener_close(&a.listener);
    listener_close(&b.listener);
}

static void test_both_families(void **state) {
    (void)state;
    static const char *const addresses[] = {"*:0", "0"};
    for (int i = 0; i < 2; i++) {
        struct guests guests = {0};
        assert_int_equal(listen_on(addresses[i], false, &guests), 0);
        int fd = call_ipv4(listener_port(guests.listener));
        loop_turn(loop, false);
        assert_int_equal(guests.count, 1);
        assert_true(net_address_is_loopback(&guests.last)); /* mapped, and seen as what it is */
        close(fd);
        listener_close(&guests.listener);
    }
}

static void test_bad_addresses(void **state) {
    (void)state;
    static const char *const bad[] = {"",
                                      ":",
                                      "localhost:1",
                                      "127.0.0.1",
                                      "127.0.0.1:",
                                      "127.0.0.1:65536",
                                      "127.0.0.1:-1",
                                      "::1:5222",
                                      "[::1]",
                                      "[127.0.0.1]:1",
                                      "[]:1",
                                      ":5222",
                                      "127.0.0.1:1x",
                                      "[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]:1"};
    struct guests guests = {0};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (listen_on(bad[i], false, &guests) != ERR_CONFIG) fail_msg("%s", bad[i]);
    assert_int_equal(listen_on("192.0.2.1:0", false, &guests), ERR_IO); /* right, but not ours */
}

static void test_closed_by_its_guest(void **state) {
    (void)state;
    struct guests guests = {.close_at_first = true};
    assert_int_equal(listen_on("127.0.0.1:0", false, &guests), 0);
    uint16_t port = listener_port(guests.listener);
    int a = call_ipv4(port), b = call_ipv4(port);
    loop_turn(loop, false);
    assert_int_equal(guests.count, 1);
    assert_null(guests.listener);
    loop_turn(loop, true);
    close(a);
    close(b);
}

/* Out of descriptors: one line in the log, no spinning, and it goes on when there are some again. */
static void test_out_of_descriptors(void **state) {
    (void)state;
    struct guests guests = {0};
    assert_int_equal(listen_on("127.0.0.1:0", false, &guests), 0);
    int fd = call_ipv4(listener_port(guests.listener));
    struct rlimit old, none;
    getrlimit(RLIMIT_NOFILE, &old);
    none = (struct rlimit){(rlim_t)fd + 1, old.rlim_max};
    int fill[256], n = 0; /* holes below */
    while (n < 256 && (fill[n] = dup(0)) >= 0 && fill[n] < fd) n++;
    if (n < 256 && fill[n] >= 0) close(fill[n]);
    setrlimit(RLIMIT_NOFILE, &none);
    loop_turn(loop, false);
    assert_int_equal(guests.count, 0);
    setrlimit(RLIMIT_NOFILE, &old);
    int turns = 0;
    while (guests.count == 0) loop_turn(loop, false), turns++;
    assert_true(turns < 10);
    while (n > 0) close(fill[--n]);
    close(fd);
    listener_close(&guests.listener);
}

/* --- networks --- */

static struct net_address address_of(const char *text) {
    struct net_address a = {0};
    if (inet_pton(AF_INET6, text, a.ip) == 1) return a;
    a.ip[10] = a.ip[11] = 0xff;
    CHECK(inet_pton(AF_INET, text, a.ip + 12) == 1);
    return a;
}

static void test_net_set(void **state) {
    (void)state;
    struct net_set *set = NULL;
    assert_int_equal(net_set_parse(STR("10.0.0.0/8, 192.168.1.77  ::1,2001:db8::/33 172.16.0.0/12"), &set), 0);
    static const struct {
        const char *ip;
        bool in;
    } cases[] = {
        {"10.1.2.3", true},
        {"11.0.0.0", false},
        {"192.168.1.77", true},
        {"192.168.1.78", false},
        {"::1", true},
        {"::2", false},
        {"2001:db8:7fff::1", true},
        {"2001:db8:8000::1", false},
        {"172.31.255.255", true},
        {"172.32.0.0", false},
        {"a00::", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct net_address a = address_of(cases[i].ip);
        if (net_set_has(set, &a) != cases[i].in) fail_msg("%s", cases[i].ip);
    }
    net_set_free(&set);
    net_set_free(&set);
    struct net_address a = address_of("10.0.0.1");
    assert_false(net_set_has(NULL, &a));
    assert_int_equal(net_set_parse(STR(" ,"), &set), 0);
    assert_false(net_set_has(set, &a));
    net_set_free(&set);
    assert_int_equal(net_set_parse(STR("0.0.0.0/0"), &set), 0);
    assert_true(net_set_has(set, &a));
    net_set_free(&set);
    static const char *const bad[] = {"10.0.0.0/33", "10.0.0", "::/129", "a", "10.0.0.0/", "/8", "10.0.0.1 x"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(net_set_parse(str_c(bad[i]), &set), ERR_INVALID);
        assert_null(set);
    }
}

static void test_addresses(void **state) {
    (void)state;
    char text[46];
    struct net_address a = address_of("2001:db8::1");
    net_address_text(&a, text);
    assert_string_equal(text, "2001:db8::1");
    assert_false(net_address_is_loopback(&a));
    a = address_of("127.9.9.9");
    assert_true(net_address_is_loopback(&a));
    a.proxied = true;
    assert_false(net_address_is_loopback(&a));
    a = address_of("::1");
    assert_true(net_address_is_loopback(&a));
    a = address_of("::");
    assert_false(net_address_is_loopback(&a));
}

/* --- PROXY --- */

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define IPV4 SIGNATURE "\x21\x11\0\x0c\xc0\0\2\1\x7f\0\0\1\x30\x39\x14\x66"

static void test_proxy_header(void **state) {
    (void)state;
    struct net_address a = address_of("127.0.0.1");
    size_t len = 0;
    struct str header = STR(IPV4 "and more");
    for (size_t n = 0; n < 28; n++) assert_int_equal(proxy_v2_parse(str_first(header, n), &a, &len), ERR_AGAIN);
    assert_false(a.proxied);
    assert_int_equal(proxy_v2_parse(header, &a, &len), 0);
    assert_int_equal(len, 28);
    char text[46];
    net_address_text(&a, text);
    assert_string_equal(text, "192.0.2.1");
    assert_true(a.port == 12345 && a.proxied);

    struct net_address b = address_of("127.0.0.1"), before = b;
    assert_int_equal(proxy_v2_parse(STR(SIGNATURE "\x20\0\0\3xyz"), &b, &len), 0); /* LOCAL, with something to skip */
    assert_int_equal(len, 19);
    assert_memory_equal(&b, &before, sizeof(b));
    assert_int_equal(proxy_v2_parse(STR(SIGNATURE "\x21\x21\0\x24"
                                                  "\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1"
                                                  "0123456789abcdef"
                                                  "\0\x50\1\2"),
                                    &b, &len),
                     0);
    net_address_text(&b, text);
    assert_string_equal(text, "2001:db8::1");
    assert_int_equal(b.port, 80);

    b = before; /* a client of which nothing is told: still not one of ours */
    assert_int_equal(proxy_v2_parse(STR(SIGNATURE "\x21\0\0\0"), &b, &len), 0);
    assert_true(b.proxied);

    static const struct str bad[] = {
        STR_INIT("GET / HTTP/1.1\r\n"),       STR_INIT("PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n"),
        STR_INIT(SIGNATURE "\x11\x11\0\x0c"), STR_INIT(SIGNATURE "\x22\x11\0\x0c"),
        STR_INIT(SIGNATURE "\x21\x11\0\0"),   STR_INIT(SIGNATURE "\x21\x11\xff\xff"),
        STR_INIT("\r\n\r\n\0\r\nQUIX"),
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        b = before;
        assert_int_equal(proxy_v2_parse(bad[i], &b, &len), ERR_INVALID);
        assert_memory_equal(&b, &before, sizeof(b));
    }
}

int main(void) {
    alarm(60);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_accepts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_shared_port, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_both_families, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_addresses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_closed_by_its_guest, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_out_of_descriptors, set_up, tear_down),
        cmocka_unit_test(test_net_set),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_proxy_header),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
