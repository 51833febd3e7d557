/* What a request says about its version: good, failed, or nothing; goals, users, rows of failures.
 */
#include "proxy/session/failure.h"
#include "tests/unit/session/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define RULE                                                                                       \
    "- {name: main, stable: blue, weights: {green: 1}, max_body: 10, sticky: {by: \"header:U\"}, " \
    "guard: {consecutive_failures: 3}, goals: [{name: a, match: {path: /a}}, "                     \
    "{name: b, match: {path: /a, method: POST}, status: 404}]}"
#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define MISSING "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno"
#define BROKEN "HTTP/1.1 503 Busy\r\nContent-Length: 2\r\n\r\nno"
#define SHORT_OF_WHAT_IT_SAID "HTTP/1.1 200 OK\r\nContent-Length: 20\r\nConnection: close\r\n\r\nok"
#define GET "GET /a HTTP/1.1\r\nHost: x\r\nU: 1\r\n\r\n"

static unsigned told; /* on_suspect */

static void on_suspect(struct px_session *session)
{
    (void)session;
    told++;
}

static struct rig *make(const char *rule, const char *first, const char *second)
{
    struct rig *rig = rig_new(rule, "{}");

    told = 0;
    rig->session.on_suspect = on_suspect;
    for (unsigned i = 2; i < 4; i++) { /* green's */
        rig_answer(rig, i, first);
        if (second)
            rig_answer(rig, i, second);
    }
    return rig;
}

/* green's: the first of the rule's versions. */
static struct px_stats_arm *arm_of(const struct rig *rig)
{
    return &px_stats_trial(rig->stats, &rig->snapshot->rules[0])->arms[0];
}

static struct px_trial *trial_of(const struct rig *rig)
{
    return rig->snapshot->rules[0].trial;
}

static void ask(struct rig *rig, const char *request, const char *answer)
{
    struct rig_client *client = rig_connect(rig);

    rig_send(client, request);
    assert_true(rig_sees(client, answer));
    rig_settle(rig);
}

static void test_judge_statuses(void **state)
{
    struct rig *rig = make(RULE, OK, MISSING);

    (void)state;
    for (unsigned i = 2; i < 4; i++)
        rig_answer(rig, i, BROKEN);
    for (unsigned i = 0; i < 2; i++)
        ask(rig, GET, "200 OK");
    for (unsigned i = 0; i < 2; i++)
        ask(rig, GET, "404 Not");
    assert_int_equal(arm_of(rig)->requests, 4);
    assert_int_equal(arm_of(rig)->errors, 0);
    assert_int_equal(told, 0);
    ask(rig, GET, "503 Busy");
    assert_int_equal(arm_of(rig)->requests, 5);
    assert_int_equal(arm_of(rig)->errors, 1);
    assert_int_equal(told, 1);
    rig_free(rig);
}

static void test_judge_answers_that_break_off(void **state)
{
    struct rig *rig = make(RULE, SHORT_OF_WHAT_IT_SAID, NULL);
    struct rig_client *client = rig_connect(rig);

    (void)state;
    rig->upstreams[2].closes_after_answer = rig->upstreams[3].closes_after_answer = true;
    rig_send(client, GET);
    assert_true(rig_sees_end(client));
    rig_settle(rig);
    assert_int_equal(arm_of(rig)->requests, 1);
    assert_int_equal(arm_of(rig)->errors, 1);
    rig_free(rig);
}

static void test_judge_nobody_is_up(void **state)
{
    struct rig *rig = make(RULE, OK, NULL);

    (void)state;
    for (uint32_t i = 0; i < rig->snapshot->versions[1].endpoint_count; i++)
        atomic_store(&rig->snapshot->versions[1].endpoints[i]->up, false);
    ask(rig, GET, "503 Service");
    assert_int_equal(arm_of(rig)->requests, 1);
    assert_int_equal(arm_of(rig)->errors, 1);
    rig_free(rig);
}

/* Too slow for what it is sent: who finds its queue full, or waits there in vain, is its error. */
static void check_queue(const char *limits, const char *why)
{
    struct rig *rig = rig_new(RULE, limits);
    struct rig_client *client;

    rig->snapshot->versions[1].max_requests = 1;
    rig->upstreams[2].marker = rig->upstreams[3].marker = "never";
    for (unsigned i = 0; i < 2; i++)
        rig_send(rig_connect(rig), GET);
    assert_true(rig_upstream_sees(rig, 2, "GET /a"));
    assert_true(rig_upstream_sees(rig, 3, "GET /a"));
    client = rig_connect(rig);
    rig_send(client, GET);
    assert_true(rig_sees(client, "HTTP/1.1 503 "));
    assert_true(rig_sees(client, why));
    assert_int_equal(arm_of(rig)->requests, 1);
    assert_int_equal(arm_of(rig)->errors, 1);
    rig_free(rig);
}

static void test_judge_a_queue_in_vain(void **state)
{
    (void)state;
    check_queue("{queue: 0}", "too many requests are under way");
    check_queue("{queue_timeout: 50ms}", "too many requests are under way");
}

/* The proxy's own want, and what people decided, is no fault of the version. */
static void test_judge_failures_of_the_version(void **state)
{
    (void)state;
    for (enum px_failure failure = 0; failure < PX_FAILURE_COUNT; failure++) {
        bool is_own =
            failure == PX_FAILURE_NO_VERSION || failure == PX_FAILURE_OVERLOADED ||
            failure == PX_FAILURE_QUEUE_TIMEOUT || failure == PX_FAILURE_CONNECT ||
            failure == PX_FAILURE_CONNECT_TIMEOUT || failure == PX_FAILURE_UPSTREAM_RESET ||
            failure == PX_FAILURE_UPSTREAM_PROTOCOL || failure == PX_FAILURE_FIRST_BYTE_TIMEOUT ||
            failure == PX_FAILURE_TOTAL_TIMEOUT;

        if (px_failure_is_upstreams(failure) != is_own)
            fail_msg("%s", px_failure_word(failure));
    }
}

static bool is_sent(void *context)
{
    return rig_requests(context) > 0;
}

static bool is_idle(void *context)
{
    const struct rig *rig = context;

    return rig->session.client_count == 0;
}

static void test_judge_says_nothing_about_what_clients_do(void **state)
{
    struct rig *rig = make(RULE, OK, NULL);
    struct rig_client *client = rig_connect(rig);

    (void)state;
    rig->upstreams[2].marker = rig->upstreams[3].marker = "never";
    rig_send(client, GET);
    assert_true(rig_upstream_sees(rig, 2, "GET /a") || rig_upstream_sees(rig, 3, "GET /a") ||
                rig_until(rig, is_sent, rig));
    client->stream.is_reset = true;
    tn_stream_close(&client->stream); /* leaves before there is an answer */
    assert_true(rig_until(rig, is_idle, rig));
    rig->upstreams[2].marker = rig->upstreams[3].marker = NULL;
    ask(rig, "POST /a HTTP/1.1\r\nHost: x\r\nU: 1\r\nContent-Length: 11\r\n\r\n", "413 ");
    assert_int_equal(arm_of(rig)->requests, 0);
    assert_int_equal(told, 0);
    rig_free(rig);
}

static void test_judge_goals_need_head_and_status(void **state)
{
    struct rig *rig = make(RULE, OK, NULL);

    (void)state;
    ask(rig, GET, "200 OK");
    ask(rig, GET, "200 OK");
    ask(rig, "GET /b HTTP/1.1\r\nHost: x\r\nU: 1\r\n\r\n", "200 OK");
    ask(rig, "POST /a HTTP/1.1\r\nHost: x\r\nU: 2\r\nContent-Length: 0\r\n\r\n", "200 OK");
    assert_int_equal(arm_of(rig)->goals[0], 3);
    assert_int_equal(arm_of(rig)->goals[1], 0); /* wants a 404 */
    assert_int_equal(px_stats_bits_count(&arm_of(rig)->crowd->reached[0]), 2);
    assert_int_equal(px_stats_bits_count(&arm_of(rig)->crowd->seen), 2);
    rig_free(rig);
    rig = make(RULE, MISSING, NULL);
    ask(rig, "POST /a HTTP/1.1\r\nHost: x\r\nU: 2\r\nContent-Length: 0\r\n\r\n", "404 Not");
    assert_int_equal(arm_of(rig)->goals[0], 0);
    assert_int_equal(arm_of(rig)->goals[1], 1);
    rig_free(rig);
}

static void test_judge_a_row_of_failures_is_broken_by_one_good_answer(void **state)
{
    struct rig *rig = make(RULE, BROKEN, OK);

    (void)state;
    for (unsigned i = 2; i < 4; i++)
        rig_answer(rig, i, BROKEN);
    for (unsigned i = 0; i < 2; i++)
        ask(rig, GET, "503 Busy");
    assert_int_equal(atomic_load(&trial_of(rig)->failures[0]), 2);
    for (unsigned i = 0; i < 2; i++)
        ask(rig, GET, "200 OK");
    assert_int_equal(atomic_load(&trial_of(rig)->failures[0]), 0);
    for (unsigned i = 0; i < 3; i++) {
        assert_false(atomic_load(&trial_of(rig)->is_row_full[0]));
        ask(rig, GET, "503 Busy");
    }
    assert_true(atomic_load(&trial_of(rig)->is_row_full[0]));
    rig_free(rig);
}

/* An answer to a request of the trial before belongs to nobody any more. */
static void test_judge_the_trial_before_is_not_counted(void **state)
{
    struct rig *rig = make(RULE, OK, NULL);

    (void)state;
    trial_of(rig)->number += 1;
    ask(rig, GET, "200 OK");
    trial_of(rig)->number -= 1;
    assert_int_equal(arm_of(rig)->requests, 0);
    rig_free(rig);
}

static void test_judge_users_without_a_key_are_users_of_their_own(void **state)
{
    struct rig *rig = make("- {name: main, stable: blue, weights: {green: 1, blue: 1}, "
                           "sticky: {by: \"header:U\"}}",
                           OK, NULL);
    const struct px_stats_trial *trial;

    (void)state;
    rig_answer(rig, 0, OK);
    rig_answer(rig, 1, OK);
    for (unsigned i = 0; i < 8; i++)
        ask(rig, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "200 OK");
    trial = px_stats_trial(rig->stats, &rig->snapshot->rules[0]);
    assert_int_equal(trial->arms[0].dealt + trial->arms[1].dealt, 8);
    assert_int_equal(px_stats_bits_count(&trial->arms[0].crowd->seen) +
                         px_stats_bits_count(&trial->arms[1].crowd->seen),
                     8);
    rig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_judge_statuses),
        cmocka_unit_test(test_judge_answers_that_break_off),
        cmocka_unit_test(test_judge_nobody_is_up),
        cmocka_unit_test(test_judge_a_queue_in_vain),
        cmocka_unit_test(test_judge_failures_of_the_version),
        cmocka_unit_test(test_judge_says_nothing_about_what_clients_do),
        cmocka_unit_test(test_judge_goals_need_head_and_status),
        cmocka_unit_test(test_judge_a_row_of_failures_is_broken_by_one_good_answer),
        cmocka_unit_test(test_judge_the_trial_before_is_not_counted),
        cmocka_unit_test(test_judge_users_without_a_key_are_users_of_their_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
