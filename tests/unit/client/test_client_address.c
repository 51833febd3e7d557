#include "lib/client/address.h"

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

static void test_address_knows_tcp_and_refuses_it(void **state)
{
    struct tn_client_address address;

    (void)state;
    assert_int_equal(tn_client_address_parse("127.0.0.1:9900", &address), -EPROTONOSUPPORT);
    assert_int_equal(tn_client_address_parse("[::1]:9900", &address), -EPROTONOSUPPORT);
    assert_int_equal(tn_client_address_parse("tcp:127.0.0.1:9900", &address), -EPROTONOSUPPORT);
    assert_int_equal(tn_client_address_parse("http://localhost/", &address), -EPROTONOSUPPORT);
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
        cmocka_unit_test(test_address_knows_tcp_and_refuses_it),
        cmocka_unit_test(test_address_path_ends_where_the_kernel_ends_it),
        cmocka_unit_test(test_places_option_wins_over_environment),
        cmocka_unit_test(test_places_defaults_are_here_then_run),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
