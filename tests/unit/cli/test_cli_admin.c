#include "cli/admin.h"

#include "fake_server.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static const struct cli_syntax syntax = {.command = "turnout test", .usage = ""};

static struct cli_admin admin;
static const char *method;
static json_t *got;

/* A verb that makes one call. */
static int verb(struct cli_context *context, int argc, char **argv)
{
    admin = (struct cli_admin){0};
    struct cli_parse parse = {.context = context,
                              .syntax = &syntax,
                              .groups = {cli_admin_group(&admin)},
                              .group_count = 1};
    const struct tn_client_request request = {.method = method, .target = "/v1/x"};

    if (!cli_parse(&parse, argc, argv))
        return parse.exit_code;
    cli_admin_start(&admin, &parse);
    admin.client.timeout_ms = 2000;
    admin.client.clock = &tn_clock_system;
    got = NULL;
    return cli_admin_call(&admin, &request, "f.yaml", &got);
}

static void expect(const char *how, unsigned status, const char *json, int code,
                   const char *message)
{
    char line[32];
    const struct fake_answer answers[] = {{line, status, json}, {NULL, 0, NULL}};
    struct fake_server *server = fake_server_start(answers);
    struct capture capture;

    method = how;
    snprintf(line, sizeof(line), "%s /v1/x", how);
    assert_int_equal(fake_server_run(server, &capture, verb, "test"), code);
    assert_string_equal(capture_err(&capture), message);
    assert_string_equal(capture_out(&capture), "");
    assert_int_equal(code == CLI_DONE, got != NULL);
    assert_int_equal(admin.error, 0);
    json_decref(got);
    capture_end(&capture);
    fake_server_stop(server);
}

static void test_admin_gives_the_object(void **state)
{
    (void)state;
    expect("GET", 200, "{'a':1}", CLI_DONE, "");
    expect("PUT", 201, "{}", CLI_DONE, "");
}

static void test_admin_maps_statuses_to_exit_codes(void **state)
{
    (void)state;
    expect("PUT", 412, "{'detail':'stale'}", CLI_STALE, "turnout test: stale\n");
    expect("PUT", 422, "{'detail':'no'}", CLI_FAILED, "turnout test: no\n");
    expect("GET", 404, "{'title':'Not Found'}", CLI_FAILED, "turnout test: Not Found\n");
    expect("GET", 301, "{'title':'Moved'}", CLI_FAILED, "turnout test: Moved\n");
}

static void test_admin_passes_the_file_on_to_the_message(void **state)
{
    (void)state;
    expect("PUT", 422, "{'detail':'x','errors':[{'line':2,'column':3,'text':'x'}]}", CLI_FAILED,
           "turnout test: f.yaml:2:3: x\n");
}

static void test_admin_takes_only_objects(void **state)
{
    (void)state;
    expect("GET", 200, "[1]", CLI_FAILED, "turnout test: the answer is not a JSON object: \n");
    expect("GET", 200, "{", CLI_FAILED,
           "turnout test: the answer is not a JSON object: string or '}' expected near end of "
           "file\n");
}

/* A listener that never accepts: the kernel takes the connection, nobody answers. */
static void expect_timeout(const char *how, const char *message)
{
    char option[] = "--admin";
    char name[] = "test";
    struct capture capture;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char folder[] = "/tmp/turnout-test-XXXXXX";
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    json_t *json = NULL;

    assert_non_null(mkdtemp(folder));
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/s", folder);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(listener, 1), 0);
    capture_start(&capture);
    admin = (struct cli_admin){0};
    struct cli_parse parse = {.context = &capture.context,
                              .syntax = &syntax,
                              .groups = {cli_admin_group(&admin)},
                              .group_count = 1};
    assert_true(cli_parse(&parse, 3, (char *[]){name, option, address.sun_path, NULL}));
    cli_admin_start(&admin, &parse);
    admin.client.timeout_ms = 20;
    admin.client.clock = &tn_clock_system;
    const struct tn_client_request request = {.method = how, .target = "/v1/x"};
    assert_int_equal(cli_admin_call(&admin, &request, NULL, &json), CLI_TIMED_OUT);
    assert_int_equal(admin.error, -ETIMEDOUT);
    assert_non_null(strstr(capture_err(&capture), message));
    assert_int_equal(strstr(capture_err(&capture), "may have been made") != NULL,
                     strcmp(how, "GET") != 0);
    assert_string_equal(cli_admin_place(&admin), address.sun_path);
    capture_end(&capture);
    close(listener);
    unlink(address.sun_path);
    rmdir(folder);
}

static void test_admin_says_that_a_change_may_have_been_made(void **state)
{
    (void)state;
    expect_timeout("GET", "within 20 ms.\n");
    expect_timeout("PUT", "within 20 ms. The change may have been made: see 'turnout get'.\n");
}

static void test_admin_wrong_addresses_are_wrong_usage(void **state)
{
    char option[] = "--admin=nonsense";
    char name[] = "test";
    struct capture capture;

    (void)state;
    capture_start(&capture);
    method = "GET";
    assert_int_equal(verb(&capture.context, 2, (char *[]){name, option, NULL}), CLI_WRONG_USAGE);
    assert_int_equal(admin.error, -EINVAL);
    capture_end(&capture);
}

static void test_admin_refuses_clusters_by_name(void **state)
{
    char name[] = "test";
    char namespace[] = "-nprod";
    struct capture capture;

    (void)state;
    capture_start(&capture);
    assert_int_equal(verb(&capture.context, 2, (char *[]){name, namespace, NULL}), CLI_FAILED);
    assert_string_equal(capture_err(&capture), "turnout test: --namespace is not yet supported\n");
    capture_end(&capture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_admin_gives_the_object),
        cmocka_unit_test(test_admin_maps_statuses_to_exit_codes),
        cmocka_unit_test(test_admin_passes_the_file_on_to_the_message),
        cmocka_unit_test(test_admin_takes_only_objects),
        cmocka_unit_test(test_admin_says_that_a_change_may_have_been_made),
        cmocka_unit_test(test_admin_wrong_addresses_are_wrong_usage),
        cmocka_unit_test(test_admin_refuses_clusters_by_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
