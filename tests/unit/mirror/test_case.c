/* Answers that are compared: what is kept, who is waited for, and that each copy has one result. */
#include "proxy/compare/ledger.h"
#include "proxy/config/config.h"
#include "proxy/mirror/copy.h"
#include "tests/support/virtual_time.h"
#include "tests/unit/mirror/shadow.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define JSON(length, body)                                                                         \
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " length "\r\n\r\n" body

static struct px_config *config;

static int setup(void **state)
{
    static const char text[] =
        "listen: [\"127.0.0.1:1\"]\n"
        "versions: {a: {endpoints: [\"127.0.0.1:2\"]}, b: {endpoints: [\"127.0.0.1:3\"]}}\n"
        "rules: [{name: m, weights: {a: 1}, mirror: [{to: b, compare: {groups: [{name: path, path: "
        "^/path}]}}]}]\n";
    struct px_messages messages;
    struct shadow *shadow;

    px_messages_init(&messages);
    assert_int_equal(px_config_parse(tn_str_of(text), "t", "", &messages, &config), 0);
    px_messages_deinit(&messages);
    shadow_setup(state);
    shadow = *state;
    shadow->mirror.compare = config->rules[0]->mirrors[0].compare;
    return px_ledger_new(7, 1, &shadow->stats->ledgers[SHADOW_RULE][SHADOW_TO]);
}

static int teardown(void **state)
{
    shadow_teardown(state);
    px_config_free(config);
    return 0;
}

static struct px_mirror_case *begin_case(struct shadow *shadow)
{
    shadow->compared =
        px_mirror_case_begin(shadow->mirrors, TN_STR("/path/1"), TN_STR("id-1"), &shadow->owner);
    assert_non_null(shadow->compared);
    return shadow->compared;
}

/* The user's answer: its head, then its body in pieces of `piece` bytes. */
static void answer_user(struct px_mirror_case *compared, const char *text, size_t piece)
{
    struct tn_http_parser parser;
    struct tn_http_head head;
    struct tn_http_step step;
    const char *body = strstr(text, "\r\n\r\n") + 4;

    tn_http_parser_init(&parser, true, &tn_http_limits_default);
    tn_http_parser_start(&parser, &head, false);
    assert_int_equal(tn_http_parser_step(&parser, text, strlen(text), &step), TN_HTTP_OK);
    px_mirror_case_head(compared, &head, 1000);
    for (size_t i = 0; i < strlen(body); i += piece) {
        struct tn_str view = {body + i, strnlen(body + i, piece)};

        px_mirror_case_body(compared, &view, 1);
    }
}

static uint64_t result(const struct shadow *shadow, enum px_compare_result which)
{
    return shadow_counters(shadow)->compared[which];
}

/* Until so many cases are over: the bench is a thread of its own. */
static void wait_for(struct shadow *shadow, unsigned cases)
{
    for (int i = 0; shadow->cases_over < cases && i < 5000; i++) {
        shadow_run(shadow, 1);
        usleep(200);
    }
    assert_int_equal(shadow->cases_over, cases);
    assert_int_equal(shadow_counters(shadow)->compare_waiting, 0);
}

static void both(struct shadow *shadow, const char *user, const char *mirror)
{
    struct px_mirror_case *compared = begin_case(shadow);

    shadow_send(shadow, SHADOW_GET);
    shadow_run(shadow, 10);
    shadow_answer(shadow_peer(shadow, 0), mirror);
    answer_user(compared, user, 3);
    px_mirror_case_end(compared, true);
    shadow_run(shadow, 10);
    wait_for(shadow, 1);
}

static void test_case_of_equal_answers(void **state)
{
    both(*state, JSON("7", "{\"a\":1}"), JSON("7", "{\"a\":1}"));
    assert_int_equal(result(*state, PX_COMPARE_SAME), 1);
}

static void test_case_that_is_compared_on_the_bench(void **state)
{
    struct shadow *shadow = *state;
    const struct px_ledger *ledger = shadow->stats->ledgers[SHADOW_RULE][SHADOW_TO];

    both(shadow, JSON("7", "{\"a\":1}"), JSON("7", "{\"a\":2}"));
    assert_int_equal(result(shadow, PX_COMPARE_BODY), 1);
    assert_string_equal(ledger->groups[0]->name, "path");
    assert_string_equal(ledger->groups[0]->fields[0].path, "/a");
    assert_string_equal(ledger->groups[0]->fields[0].request_id, "id-1");
    assert_int_equal(ledger->groups[0]->primary_us[3].total, 1); /* 1 ms */
}

/* Keeps up to two pairs from here on. */
static struct px_pairs *keep_pairs(struct shadow *shadow)
{
    struct px_pairs *pairs = &shadow->stats->ledgers[SHADOW_RULE][SHADOW_TO]->pairs;

    shadow->mirror.keep_pairs = pairs->max = 2;
    return pairs;
}

static void test_case_that_differs_is_kept_where_pairs_are(void **state)
{
    struct shadow *shadow = *state;
    const struct px_pairs *pairs = keep_pairs(shadow);

    both(shadow, JSON("7", "{\"a\":1}"), JSON("7", "{\"a\":2}"));
    assert_int_equal(pairs->count, 1);
    assert_true(tn_str_equal(pairs->list[0]->path, TN_STR("/path/1")));
    assert_true(tn_str_equal(pairs->list[0]->request_id, TN_STR("id-1")));
    assert_true(tn_str_equal(pairs->list[0]->answers[PX_PAIR_PRIMARY].body, TN_STR("{\"a\":1}")));
    assert_true(tn_str_equal(pairs->list[0]->answers[PX_PAIR_SHADOW].body, TN_STR("{\"a\":2}")));
    assert_int_equal(shadow->pair_memory, pairs->bytes);
    assert_int_equal(shadow->memory, 0); /* they are of another budget */
}

static void test_case_is_not_kept_unless_it_says_so(void **state)
{
    struct shadow *shadow = *state;

    both(shadow, JSON("7", "{\"a\":1}"), JSON("7", "{\"a\":2}"));
    assert_int_equal(shadow->stats->ledgers[SHADOW_RULE][SHADOW_TO]->pairs.count, 0);
    assert_int_equal(shadow->pair_memory, 0);
}

static void test_case_that_does_not_differ_is_not_kept(void **state)
{
    struct shadow *shadow = *state;
    const struct px_pairs *pairs = keep_pairs(shadow);

    both(shadow, JSON("7", "{\"a\":1}"), JSON("9", "{\"a\":1.0}"));
    assert_int_equal(result(shadow, PX_COMPARE_SAME), 1);
    assert_int_equal(pairs->count, 0);
}

/* A field in which two stable answers differ, too: the pair is the same, and nothing is kept. */
static void test_case_of_noise_is_not_kept(void **state)
{
    struct shadow *shadow = *state;
    const struct px_pairs *pairs = keep_pairs(shadow);
    struct px_compare_outcome outcome = {.result = PX_COMPARE_BODY, .count = 1};
    struct px_ledger_entry entry = {
        .now_s = 1, .group = "path", .result = PX_COMPARE_BODY, .comparison = &outcome};

    outcome.differences[0].kind = PX_COMPARE_KIND_VALUE;
    strcpy(outcome.differences[0].path, "/a");
    px_ledger_record_baseline(shadow->stats->ledgers[SHADOW_RULE][SHADOW_TO], &entry);
    both(shadow, JSON("7", "{\"a\":1}"), JSON("7", "{\"a\":2}"));
    assert_int_equal(result(shadow, PX_COMPARE_SAME), 1);
    assert_int_equal(pairs->count, 0);
}

/* Of a body that is larger than compare_body its beginning is kept, and its length. */
static void test_case_with_large_answers_keeps_their_beginning(void **state)
{
    struct shadow *shadow = *state;
    const struct px_pairs *pairs = keep_pairs(shadow);
    const struct px_pair_answer *user;
    char one[10000];
    char two[10000];
    int head = snprintf(one, sizeof(one), "HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n");

    memset(one + head, 'x', 9000);
    one[head + 9000] = '\0';
    memcpy(two, one, sizeof(two));
    two[head + 8999] = 'y';
    both(shadow, one, two);
    assert_int_equal(result(shadow, PX_COMPARE_BODY), 1);
    assert_int_equal(pairs->count, 1);
    user = &pairs->list[0]->answers[PX_PAIR_PRIMARY];
    assert_int_equal(user->body_len, 9000);
    assert_int_equal(user->body.len, shadow->limits.compare_body_bytes);
    assert_memory_equal(user->body.ptr, one + head, user->body.len);
}

static void test_case_waits_for_the_user_and_for_the_copy(void **state)
{
    struct shadow *shadow = *state;
    struct px_mirror_case *compared = begin_case(shadow);

    shadow_send(shadow, SHADOW_GET);
    shadow_run(shadow, 10);
    shadow_answer(shadow_peer(shadow, 0), SHADOW_OK);
    shadow_run(shadow, 10);
    assert_int_equal(shadow->cases_over, 0); /* the user has no answer yet */
    assert_true(shadow->memory > 0);
    answer_user(compared, SHADOW_OK, 100);
    px_mirror_case_end(compared, true);
    wait_for(shadow, 1);
    compared = begin_case(shadow);
    shadow_send(shadow, SHADOW_GET);
    answer_user(compared, SHADOW_OK, 100);
    px_mirror_case_end(compared, true);
    shadow_run(shadow, 10);
    assert_int_equal(shadow->cases_over, 1); /* the copy has none */
    shadow_answer(shadow_peer(shadow, 0), SHADOW_OK);
    wait_for(shadow, 2);
    assert_int_equal(result(shadow, PX_COMPARE_SAME), 2);
}

static void test_case_without_the_answer_of_one(void **state)
{
    struct shadow *shadow = *state;
    struct px_mirror_case *compared = begin_case(shadow);

    shadow_send(shadow, SHADOW_GET);
    shadow_run(shadow, 10);
    shadow_answer(shadow_peer(shadow, 0), SHADOW_OK);
    shadow_run(shadow, 10);
    px_mirror_case_end(compared, false); /* the user's broke off */
    wait_for(shadow, 1);
    assert_int_equal(result(shadow, PX_COMPARE_SKIPPED), 1);
    compared = begin_case(shadow);
    shadow_send(shadow, SHADOW_GET);
    shadow_run(shadow, 10);
    answer_user(compared, SHADOW_OK, 100);
    px_mirror_case_end(compared, true);
    shadow_run(shadow, 10100); /* the mirror's never came */
    wait_for(shadow, 2);
    assert_int_equal(result(shadow, PX_COMPARE_UNANSWERED), 1);
}

/* Nothing was sent: there is nothing to be compared, and no result. */
static void test_case_of_a_dropped_copy_has_no_result(void **state)
{
    struct shadow *shadow = *state;
    struct px_mirror_case *compared = begin_case(shadow);
    uint64_t sum = 0;

    shadow->limits.mirror_in_flight = 0;
    assert_null(shadow_begin(shadow, SHADOW_GET));
    answer_user(compared, SHADOW_OK, 100);
    px_mirror_case_end(compared, true);
    wait_for(shadow, 1);
    for (uint32_t i = 0; i < PX_COMPARE_RESULT_COUNT; i++)
        sum += result(shadow, i);
    assert_int_equal(sum, 0);
}

static void test_case_with_large_answers_is_compared_by_hash(void **state)
{
    struct shadow *shadow = *state;
    char text[10000];
    int head = snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n");

    memset(text + head, 'x', 9000);
    text[head + 9000] = '\0';
    both(shadow, text, text);
    assert_int_equal(result(shadow, PX_COMPARE_SAME), 1);
}

static void test_case_without_memory_for_bodies_says_so(void **state)
{
    struct shadow *shadow = *state;
    const struct px_ledger *ledger = shadow->stats->ledgers[SHADOW_RULE][SHADOW_TO];
    struct px_mirror_case *compared = begin_case(shadow);

    shadow_send(shadow, SHADOW_GET);
    shadow_run(shadow, 10);
    shadow->limits.mirror_memory_bytes = shadow->memory + 700; /* for two heads, not for more */
    answer_user(compared, JSON("7", "{\"a\":1}"), 100);
    shadow_answer(shadow_peer(shadow, 0), JSON("7", "{\"a\":2}"));
    shadow_run(shadow, 10);
    px_mirror_case_end(compared, true);
    wait_for(shadow, 1);
    assert_int_equal(result(shadow, PX_COMPARE_SKIPPED), 1);
    assert_int_equal(ledger->groups[0]->skipped[PX_COMPARE_SKIP_MEMORY].total, 1);
}

/* A configuration that came meanwhile: counted, but in no report of another comparison. */
static void test_case_of_an_older_configuration(void **state)
{
    struct shadow *shadow = *state;
    struct px_ledger *ledger = shadow->stats->ledgers[SHADOW_RULE][SHADOW_TO];

    px_ledger_restart(ledger, 8, 2);
    both(shadow, SHADOW_OK, SHADOW_OK);
    assert_int_equal(result(shadow, PX_COMPARE_SAME), 1);
    assert_int_equal(ledger->group_count, 0);
}

static void test_case_at_the_stop(void **state)
{
    struct shadow *shadow = *state;
    struct px_mirror_case *compared[20];

    for (unsigned i = 0; i < 20; i++) {
        compared[i] = begin_case(shadow);
        shadow_send(shadow, SHADOW_GET);
    }
    shadow_run(shadow, 10);
    for (unsigned i = 0; i < 20; i++) {
        shadow_answer(shadow_peer(shadow, i), JSON("7", "{\"a\":2}"));
        answer_user(compared[i], JSON("7", "{\"a\":1}"), 100);
    }
    shadow_run(shadow, 10);
    for (unsigned i = 0; i < 19; i++)
        px_mirror_case_end(compared[i], true); /* one is on the bench, the others wait */
    px_mirrors_stop(shadow->mirrors);
    px_mirror_case_end(compared[19], true); /* the session lets go in its own time */
    assert_null(px_mirror_case_begin(shadow->mirrors, TN_STR("/"), TN_STR("x"), &shadow->owner));
    wait_for(shadow, 20);
    assert_int_equal(result(shadow, PX_COMPARE_SKIPPED) + result(shadow, PX_COMPARE_BODY), 20);
    assert_true(result(shadow, PX_COMPARE_SKIPPED) > 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_case_of_equal_answers),
        TEST(test_case_that_is_compared_on_the_bench),
        TEST(test_case_that_differs_is_kept_where_pairs_are),
        TEST(test_case_is_not_kept_unless_it_says_so),
        TEST(test_case_that_does_not_differ_is_not_kept),
        TEST(test_case_of_noise_is_not_kept),
        TEST(test_case_with_large_answers_keeps_their_beginning),
        TEST(test_case_waits_for_the_user_and_for_the_copy),
        TEST(test_case_without_the_answer_of_one),
        TEST(test_case_of_a_dropped_copy_has_no_result),
        TEST(test_case_with_large_answers_is_compared_by_hash),
        TEST(test_case_without_memory_for_bodies_says_so),
        TEST(test_case_of_an_older_configuration),
        TEST(test_case_at_the_stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
