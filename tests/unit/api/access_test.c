/* Who is at the other end, and what he may do. */
#include "lib/api/api.h"
#include "tests/support/virtual_time.h"
#include "tests/unit/api/talk.h"

#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    struct tn_loop loop;
    struct tn_api_server *server;
    char folder[64];
    char path[96];
};

static void get_peer(struct tn_api_call *call, void *context)
{
    char text[256];

    (void)context;
    snprintf(text, sizeof(text), "%d %s %u %u %d", (int)call->peer->kind, call->peer->name,
             (unsigned)call->peer->user.uid, (unsigned)call->peer->user.gid,
             (int)call->peer->user.pid);
    tn_api_answer(call, 200, "text/plain", tn_str_of(text));
}

static const struct tn_api_route routes[] = {
    {TN_HTTP_GET, "/peer", TN_API_READ, 0, get_peer},
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    struct tn_api_options options = {
        .clock = &tn_clock_system,
        .routes = routes,
        .route_count = sizeof(routes) / sizeof(routes[0]),
        .context = fixture,
        .role = TN_API_OPERATE,
        .limits = tn_api_limits_default,
    };

    assert_non_null(fixture);
    strcpy(fixture->folder, "/tmp/turnout-api-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    snprintf(fixture->path, sizeof(fixture->path), "%s/socket", fixture->folder);
    tn_net_init();
    assert_int_equal(tn_loop_init(&fixture->loop), 0);
    options.loop = &fixture->loop;
    assert_int_equal(tn_api_open_unix(&options, fixture->path, 0600, &fixture->server), 0);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    tn_api_close(fixture->server, NULL, NULL);
    talk_turn(&fixture->loop);
    assert_int_equal(tn_loop_deinit(&fixture->loop), 0);
    assert_int_equal(rmdir(fixture->folder), 0);
    free(fixture);
    return 0;
}

static void test_access_unix_peer_is_the_kernels_word(void **state)
{
    struct fixture *fixture = *state;
    const struct passwd *entry = getpwuid(geteuid());
    struct talk_answer answer;
    char expected[256];
    char nameless[32];

    snprintf(nameless, sizeof(nameless), "uid %u", (unsigned)geteuid());
    snprintf(expected, sizeof(expected), "%d %s %u %u %d", (int)TN_API_PEER_USER,
             entry ? entry->pw_name : nameless, (unsigned)geteuid(), (unsigned)getegid(),
             (int)getpid());
    talk_once(&fixture->loop, fixture->path, "GET /peer", "", NULL, &answer);
    assert_string_equal(answer.body, expected);
    talk_answer_deinit(&answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_access_unix_peer_is_the_kernels_word, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
