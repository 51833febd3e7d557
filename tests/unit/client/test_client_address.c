#include "lib/client/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

static void test_address_takes_a_path_with_or_without_unix(void **state)
{
    static const struct {
        const char *text;
        const char *path;
    } rows[] = {
        {"unix:./turnout.sock", "./turnout.sock"},
        {"unix:turnout.sock", "turnout.sock"},
        {"unix:/run/turnout/turnout.sock", "/run/turnout/turnout.sock"},
        {"./turnout.sock", "./turnout.sock"},
        {"/tmp/a b:c", "/tmp/a b:c"},
    };
    struct tn_client_address address;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(tn_client_address_parse(rows[i].text, &address), 0);
        assert_string_equal(address.un.sun_path, rows[i].path);
        assert_int_equal(address.un.sun_family, AF_UNIX);
        assert_false(address.is_tcp);
    }
}

static void test_address_refuses_what_is_none(void **state)
{
    struct tn_client_address address = {.un = {.sun_path = "untouched"}};

    (void)state;
    assert_int_equal(tn_client_address_parse("", &address), -EINVAL);
    assert_int_equal(tn_client_address_parse("unix:", &address), -EINVAL);
    assert_int_equal(tn_client_address_parse("turnout.sock", &address), -EINVAL);
    assert_int_equal(tn_client_address_parse("localhost:http", &address), -EINVAL);
    assert_string_equal(address.un.sun_path, "untouched");
}

static void test_address_takes_loopback_with_a_port(void **state)
{
    static const struct {
        const char *text;
        const char *host;
        uint16_t port;
    } rows[] = {
        {"127.0.0.1:9900", "127.0.0.1", 9900},
        {"tcp:127.0.0.1:9900", "127.0.0.1", 9900},
        {"http://127.8.8.8:1", "127.8.8.8", 1},
        {"http://127.0.0.1:65535/", "127.0.0.1", 65535},
        {"localhost:9091", "127.0.0.1", 9091},
        {"http://localhost:9091", "127.0.0.1", 9091},
        {"[::1]:9900", "::1", 9900},
        {"http://[::1]:9900/", "::1", 9900},
    };
    struct tn_client_address address;
    char host[INET6_ADDRSTRLEN];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(tn_client_address_parse(rows[i].text, &address), 0);
        assert_true(address.is_tcp);
        if (address.sa.sa_family == AF_INET) {
            inet_ntop(AF_INET, &address.v4.sin_addr, host, sizeof(host));
            assert_int_equal(ntohs(address.v4.sin_port), rows[i].port);
            assert_int_equal(address.len, sizeof(struct sockaddr_in));
        } else {
            inet_ntop(AF_INET6, &address.v6.sin6_addr, host, sizeof(host));
            assert_int_equal(ntohs(address.v6.sin6_port), rows[i].port);
            assert_int_equal(address.len, sizeof(struct sockaddr_in6));
        }
        assert_string_equal(host, rows[i].host);
    }
}

/* A token would go there in the clear. */
static void test_address_refuses_other_machines(void **state)
{
    static const char *const texts[] = {
        "10.0.0.5:9091",      "http://192.0.2.1:80", "0.0.0.0:9091",        "[2001:db8::1]:9091",
        "proxy.example:9091", "[::]:9091",           "tcp:localhost.evil:1"};
    struct tn_client_address address;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_int_equal(tn_client_address_parse(texts[i], &address), -EADDRNOTAVAIL);
}

static void test_address_refuses_what_is_no_address_on_tcp(void **state)
{
    static const char *const texts[] = {"http://localhost/",
                                        "http://127.0.0.1",
                                        "127.0.0.1:0",
                                        "127.0.0.1:65536",
                                        "http://127.0.0.1:80/x",
                                        "tcp:",
                                        "http://:80",
                                        "127.0.0.1:"};
    struct tn_client_address address;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (tn_client_address_parse(texts[i], &address) != -EINVAL)
            fail_msg("%s", texts[i]);
    }
    assert_int_equal(tn_client_address_parse("https://127.0.0.1:1", &address), -EPROTONOSUPPORT);
}

static void test_address_path_ends_where_the_kernel_ends_it(void **state)
{
    struct tn_client_address address;
    char path[200];
    const size_t longest = sizeof(address.un.sun_path) - 1;

    (void)state;
    memset(path, 'a', sizeof(path));
    path[0] = '/';
    path[longest] = '\0';
    assert_int_equal(tn_client_address_parse(path, &address), 0);
    assert_int_equal(strlen(address.un.sun_path), longest);
    path[longest] = 'a';
    path[longest + 1] = '\0';
    assert_int_equal(tn_client_address_parse(path, &address), -ENAMETOOLONG);
}

static void test_places_option_wins_over_environment(void **state)
{
    struct tn_client_place places[TN_CLIENT_PLACES_MAX];

    (void)state;
    assert_int_equal(tn_client_places("unix:/a", "unix:/b", places), 1);
    assert_string_equal(places[0].text, "unix:/a");
    assert_int_equal(places[0].origin, TN_CLIENT_ORIGIN_OPTION);
    assert_int_equal(tn_client_places(NULL, "unix:/b", places), 1);
    assert_string_equal(places[0].text, "unix:/b");
    assert_int_equal(places[0].origin, TN_CLIENT_ORIGIN_ENVIRONMENT);
}

static void test_places_defaults_are_here_then_run(void **state)
{
    struct tn_client_place places[TN_CLIENT_PLACES_MAX];

    (void)state;
    assert_int_equal(tn_client_places("", "", places), 2);
    assert_string_equal(places[0].text, "./turnout.sock");
    assert_string_equal(places[1].text, "/run/turnout/turnout.sock");
    assert_int_equal(places[1].origin, TN_CLIENT_ORIGIN_DEFAULT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_address_takes_a_path_with_or_without_unix),
        cmocka_unit_test(test_address_refuses_what_is_none),
        cmocka_unit_test(test_address_takes_loopback_with_a_port),
        cmocka_unit_test(test_address_refuses_other_machines),
        cmocka_unit_test(test_address_refuses_what_is_no_address_on_tcp),
        cmocka_unit_test(test_address_path_ends_where_the_kernel_ends_it),
        cmocka_unit_test(test_places_option_wins_over_environment),
        cmocka_unit_test(test_places_defaults_are_here_then_run),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
