#include "lib/client/client.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void expect_text(const struct tn_client *client, int error, const char *expected)
{
    char *text = tn_client_error_text(client, error);

    assert_string_equal(text, expected);
    free(text);
}

static void expect_part(const struct tn_client *client, int error, const char *part)
{
    char *text = tn_client_error_text(client, error);

    assert_non_null(strstr(text, part));
    free(text);
}

static void test_error_text_names_all_places_that_were_looked_at(void **state)
{
    struct tn_client client;

    (void)state;
    tn_client_init(&client, NULL, NULL, &tn_clock_system);
    client.place = 1;
    expect_text(&client, -ENOENT,
                "no running turnout found: --admin is not given, $TURNOUT_ADMIN is not set, and "
                "there is no ./turnout.sock and no /run/turnout/turnout.sock. Start one with "
                "'turnout serve', or say where it is with --admin unix:PATH.");
}

static void test_error_text_names_who_gave_the_address(void **state)
{
    struct tn_client client;

    (void)state;
    tn_client_init(&client, "unix:/nowhere", NULL, &tn_clock_system);
    expect_part(&client, -ENOENT, "there is no unix:/nowhere (given by --admin). Is turnout");
    expect_part(&client, -ECONNREFUSED, "is there, but nobody listens");
    tn_client_init(&client, NULL, "unix:/nowhere", &tn_clock_system);
    expect_part(&client, -ENOENT, "there is no unix:/nowhere (from $TURNOUT_ADMIN).");
    expect_part(&client, -EACCES, "you may not use unix:/nowhere (from $TURNOUT_ADMIN)");
}

static void test_error_text_tells_a_file_from_a_socket(void **state)
{
    struct tn_client client;

    (void)state;
    tn_client_init(&client, "/etc/passwd", NULL, &tn_clock_system);
    expect_text(&client, -ECONNREFUSED, "/etc/passwd (given by --admin) is not a socket.");
}

static void test_error_text_of_bad_addresses_says_what_is_expected(void **state)
{
    struct tn_client client;

    (void)state;
    tn_client_init(&client, "nonsense", NULL, &tn_clock_system);
    expect_part(&client, -EINVAL,
                "'nonsense' (given by --admin) is not an address: expected unix:");
    expect_part(&client, -ENAMETOOLONG, "at most 107 bytes");
    expect_part(&client, -EPROTONOSUPPORT, "speaks no TLS");
    expect_part(&client, -EADDRNOTAVAIL, "ssh -L 9091:127.0.0.1:9091");
    expect_part(&client, -ENOKEY, "asks for a token: give it in $TURNOUT_TOKEN or");
    client.is_tcp = true;
    expect_part(&client, -ECONNREFUSED, "nobody listens at nonsense (given by --admin)");
}

static void test_error_text_of_a_call_under_way(void **state)
{
    struct tn_client client;

    (void)state;
    tn_client_init(&client, "./t.sock", NULL, &tn_clock_system);
    expect_part(&client, -ETIMEDOUT, "no answer from ./t.sock (given by --admin) within 10 s.");
    client.timeout_ms = 30;
    expect_part(&client, -ETIMEDOUT, "within 30 ms.");
    expect_part(&client, -EPROTO, "is not an admin interface of turnout (no HTTP)");
    client.protocol_error = "malformed status line";
    expect_part(&client, -EPROTO, "(malformed status line)");
    expect_part(&client, -ECONNRESET, "closed the connection before its answer was complete");
    expect_part(&client, -EMSGSIZE, "too large");
    expect_part(&client, -EMFILE, "./t.sock (given by --admin): Too many open files.");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_error_text_names_all_places_that_were_looked_at),
        cmocka_unit_test(test_error_text_names_who_gave_the_address),
        cmocka_unit_test(test_error_text_tells_a_file_from_a_socket),
        cmocka_unit_test(test_error_text_of_bad_addresses_says_what_is_expected),
        cmocka_unit_test(test_error_text_of_a_call_under_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
